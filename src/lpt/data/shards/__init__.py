"""Tar files of images with labels, read in place: nothing is extracted."""
