"""Training images that are near to an image, where the run of a task is at hand."""
