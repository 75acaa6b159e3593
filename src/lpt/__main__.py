"""`python -m lpt` is the command `lpt`."""

from lpt.cli import main

if __name__ == "__main__":
    main()
