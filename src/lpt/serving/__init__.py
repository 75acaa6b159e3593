"""Serving (placeholder of the engine branch)."""
