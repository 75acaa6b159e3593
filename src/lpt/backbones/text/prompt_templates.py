"""Templates of prompts, in which a class name replaces the braces."""

from collections.abc import Mapping
from pathlib import Path

from lpt.arguments import nearest_names
from lpt.errors import ParameterError
from lpt.files.regular_files import is_file, read_regular

__all__ = ["TEMPLATES", "filled", "templates_named", "usual_templates"]

_BRACES = "{}"
_MOST_BYTES = 2**20
_MOST = 1000

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "general": (
        "a photo of a {}.",
        "a photo of the {}.",
        "a close-up photo of a {}.",
        "a cropped photo of a {}.",
        "a bright photo of a {}.",
        "a dark photo of a {}.",
        "a low resolution photo of a {}.",
    ),
    "places": ("a photo of a {}.", "a photo of the {}.", "a photo of the inside of a {}."),
    "species": (
        "a photo of a {}.",
        "a close-up photo of a {}.",
        "a photo of a {}, a species of animal or plant.",
        "a photo of a {} in the wild.",
    ),
    "birds": ("a photo of a {}, a type of bird.", "a close-up photo of a {}, a type of bird."),
    "flowers": ("a photo of a {}, a type of flower.",),
    "food": ("a photo of {}, a type of food.",),
    "satellite": ("a satellite photo of {}.", "an aerial photo of {}."),
    "cifar": (
        "a photo of a {}.",
        "a blurry photo of a {}.",
        "a low contrast photo of a {}.",
        "a bad photo of a {}.",
        "a photo of a small {}.",
        "a photo of a big {}.",
    ),
    "digits": ('a photo of the number: "{}".', 'a handwritten "{}".'),
}
"""By name. They follow those of CLIP (Radford et al., ICML 2021), which has more per data set."""

_OF_DATA = {
    "places-lt": "places",
    "inaturalist2018": "species",
    "cifar10-lt": "cifar",
    "cifar100-lt": "cifar",
    "digits": "digits",
}


def usual_templates(data: str) -> str:
    """Return the name of the templates for a source of data.

    >>> usual_templates("places-lt"), usual_templates("photos")
    ('places', 'general')
    """
    return _OF_DATA.get(data, "general")


def templates_named(given: str) -> tuple[str, ...]:
    """Return templates by the name of a set, or from a file with one of them per line.

    Empty lines and lines that begin with # are left out.

    Args:
        given: a name of `TEMPLATES`, or a path.
    Raises: ParameterError if it is neither, or naming a line without braces.
    """
    if given in TEMPLATES:
        return TEMPLATES[given]
    path = Path(given).expanduser()
    if not is_file(path):
        near = nearest_names(list(TEMPLATES), given)
        hint = f"Did you mean {near}?" if near else f"Choose one of {', '.join(TEMPLATES)}, or give"
        raise ParameterError(
            f"`templates` {given}: no such set or file. {hint}"
            + ("" if near else " a file with one template per line.")
        )
    try:
        text = read_regular(path, _MOST_BYTES, error=ParameterError).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParameterError(f"`templates` {given}: is not UTF-8. Save it as UTF-8.") from error
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), start=1)}
    found = {n: line for n, line in lines.items() if line and not line.startswith("#")}
    for number, line in found.items():
        if line.count(_BRACES) != 1:
            raise ParameterError(
                f"`templates` {given}: line {number}: write {_BRACES} once, where the class name "
                "belongs."
            )
    if not 1 <= len(found) <= _MOST:
        raise ParameterError(
            f"`templates` {given}: {len(found):,} templates; give from 1 to {_MOST:,}."
        )
    return tuple(found.values())


def filled(template: str, name: str) -> str:
    """Put a class name into a template.

    >>> filled("a photo of a {}.", "snow leopard")
    'a photo of a snow leopard.'
    """
    return template.replace(_BRACES, name)
