"""Places where backbones are: the hub and its cache, and the folder of the user."""
