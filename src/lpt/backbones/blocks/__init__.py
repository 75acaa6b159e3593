"""Transformer blocks that take prompts: one protocol, and one adapter per family of blocks."""
