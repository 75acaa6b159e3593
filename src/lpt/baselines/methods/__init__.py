"""The baseline methods, one module each; those designed for long-tailed data are a package."""
