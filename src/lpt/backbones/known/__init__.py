"""The backbones that are listed by name."""
