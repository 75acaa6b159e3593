"""Baseline methods designed for long-tailed data."""
