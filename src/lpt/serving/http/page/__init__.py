"""The page at /: files of a browser, and the routes that serve them."""
