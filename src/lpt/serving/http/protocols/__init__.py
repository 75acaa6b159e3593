"""The calls of each protocol: our own, Open Inference, Hugging Face."""
