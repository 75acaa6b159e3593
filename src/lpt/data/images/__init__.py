"""From image bytes to normalised tensors."""
