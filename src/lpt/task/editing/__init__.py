"""A task whose classes change without training: every change makes a new task file."""
