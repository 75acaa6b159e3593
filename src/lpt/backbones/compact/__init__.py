"""Frozen weights in fewer bytes than float32 takes."""
