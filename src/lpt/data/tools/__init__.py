"""Tools for data sets: inspection, list writing, loading speed."""
