"""The command line: parse, call, print. Heavy imports wait until a command needs them."""

from lpt.cli.main import app, main

__all__ = ["app", "main"]
