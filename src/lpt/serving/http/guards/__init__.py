"""Layers around the application: limits of connections and bodies, ids, safe headers."""
