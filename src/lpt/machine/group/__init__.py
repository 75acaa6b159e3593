"""Several processes that train together: their places, what they exchange, and their failures."""
