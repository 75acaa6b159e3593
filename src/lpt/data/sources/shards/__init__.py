"""Tar shards as data sets."""
