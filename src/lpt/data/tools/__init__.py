"""Tools for data sets: inspection, derived lists, loading speed."""
