"""The baseline methods, one module each."""
