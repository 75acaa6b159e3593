"""Tasks on the hub: what is fetched, what is published, and the calls of huggingface_hub."""
