"""Publish a task on a hub: its files, its model card, and the commit."""
