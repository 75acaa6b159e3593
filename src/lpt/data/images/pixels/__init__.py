"""From decoded pixels of any type to upright RGB of 8 bits."""
