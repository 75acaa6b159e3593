"""What is installed here, and what is wrong with it."""
