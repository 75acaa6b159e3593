"""Find images that would spoil training: broken, duplicate, mislabelled, leaking."""
