"""Files in object storage, read by byte ranges."""
