"""Calls of other programs' protocols: Open Inference, Hugging Face."""
