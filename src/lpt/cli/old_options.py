"""Command-line options of lpt 0.1 under their current names."""

from collections.abc import Sequence

from lpt.deprecation import warn_renamed

__all__ = ["RENAMED_OPTIONS", "RENAMED_STUDIES", "current_arguments"]

RENAMED_OPTIONS = {
    "study": {"--rates": "--lrs", "--ensemble": "--tta", "--against": "--reference"},
}
"""By command: old option to new."""

RENAMED_STUDIES = {"ensemble": "top-k"}
"""Old name of a study to new."""


def current_arguments(arguments: Sequence[str]) -> list[str]:
    """Replace options and names that have an old name, each with a warning.

    >>> current_arguments(["study", "main", "--lrs=x1"])
    ['study', 'main', '--lrs=x1']
    """
    if not arguments:
        return []
    command, *rest = arguments
    renamed = RENAMED_OPTIONS.get(command, {})
    found = [command]
    for position, argument in enumerate(rest):
        name, equals, value = argument.partition("=")
        if name in renamed:
            warn_renamed(f"option {name}", renamed[name])
            argument = renamed[name] + equals + value
        elif command == "study" and position == 0 and argument in RENAMED_STUDIES:
            warn_renamed(f"study {argument}", RENAMED_STUDIES[argument])
            argument = RENAMED_STUDIES[argument]
        found.append(argument)
    return found
