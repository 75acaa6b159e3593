"""Training and evaluation of runs."""
