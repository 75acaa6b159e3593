"""Predictions on the command line: rows for people and programs, files of millions of images."""
