"""Predicting millions of images into a file that an interruption does not harm."""
