"""The command that serves tasks over HTTP."""
