"""Commands for people who label: which labels are wrong, which photos to label next."""
