"""Layouts of weights in Hugging Face transformers that differ from timm's in more than names."""
