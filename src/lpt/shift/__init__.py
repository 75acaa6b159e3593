"""A task scored on test sets of other sources, beside its own."""
