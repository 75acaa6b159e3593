"""Data sets: classes, splits, images, sampling and loading."""
