"""Image files before they are decoded: what the decoder needs of them, and what it will cost."""
