"""A task run over images: what may be given, how it is read, what comes back."""
