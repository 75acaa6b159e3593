"""From probabilities to decisions: class frequencies of images, sets of labels, thresholds."""
