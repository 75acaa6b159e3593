"""What a backbone supports."""
