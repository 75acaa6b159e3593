"""The commands that give a task to other programs and people."""
