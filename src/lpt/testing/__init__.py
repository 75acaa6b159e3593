"""Proof: reference fixtures, a plain implementation to compare with, and benchmarks."""
