"""Score a task on test sets from other sources, next to its own test images."""
