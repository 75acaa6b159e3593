"""Transformer blocks that take prompts and adapters: one protocol, one wrapper per family."""
