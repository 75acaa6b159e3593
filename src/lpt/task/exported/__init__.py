"""Read exported tasks: a file from outside, checked before it is run."""
