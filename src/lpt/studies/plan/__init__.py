"""Planning of runs, their keys, and the store of their results."""
