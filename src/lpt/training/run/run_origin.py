"""Whether the names in the config.yaml of a run folder may be followed.

A name that leads to a path, or to something that is fetched, is used if it was written on this
machine (`lpt.files.made_here`), if the user gives it, or after `lpt trust`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from lpt.backbones.named_by_file import reason_to_ask
from lpt.backbones.text.prompt_templates import TEMPLATES as BUILT_IN
from lpt.config import RunConfig
from lpt.data.check.policy import POLICIES
from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.known.known_datasets import DATASETS
from lpt.data.sources.paths import is_known_set
from lpt.errors import RunError
from lpt.escape import shell_command
from lpt.files.made_here import is_marked

__all__ = ["BACKBONE", "check_names", "named_places"]

BACKBONE, DATA, UNLABELLED = "backbone", "data", "unlabelled images"
TEXT, TEMPLATES, NAMES = "text tower", "templates", "list of class names"
BAD_IMAGES, CORRECTIONS = "bad images", "corrections"


def named_places(config: RunConfig) -> dict[str, str]:
    """Return what a configuration names outside its folder, by use."""
    names = {BACKBONE: config.backbone, DATA: config.data.source}
    bad = config.data.bad_images
    lists = {BAD_IMAGES: None if bad in POLICIES else bad, CORRECTIONS: config.data.corrections}
    lists[UNLABELLED] = config.data.unlabelled
    text = config.text
    lists |= {TEXT: text.source, NAMES: text.class_names}
    lists[TEMPLATES] = None if text.templates in BUILT_IN else text.templates
    return {**names, **{use: path for use, path in lists.items() if path is not None}}


def check_names(
    folder: Path, config: RunConfig, *, data_given: bool = False, backbone: bool = False
) -> None:
    """Check that the names in a configuration may be followed. Nothing is opened or fetched.

    Args:
        folder: the run folder.
        config: its configuration.
        data_given: whether the user names the data, so that the one of the configuration is not
            followed, or is the user's.
        backbone: whether the backbone of the configuration is loaded.
    Raises: RunError naming what would be opened or fetched, and how to allow it.
    """
    for use, name in named_places(config).items():
        if (use == DATA and data_given) or (use == BACKBONE and not backbone):
            continue
        if (reason := _REASONS[use](name)) and not is_marked(folder, use, name):
            raise RunError(
                f"{folder}: this run was not made on this machine, and its config.yaml names the "
                f"{use} {name}, which {reason}.",
                f"If you trust it: {shell_command('lpt', 'trust', folder)}",
            )


def _reason_of_data(source: str) -> str:
    """Why the user has to ask for this data; "" if it can be used."""
    spec = parse_spec(source)
    if not is_known_set(spec):
        return "is a path or is fetched"
    known = DATASETS[spec.source]
    if {"list", "test", *known.paths}.intersection(spec.options):
        return "names a path"
    return "is downloaded" if known.downloads else ""


_REASONS: Mapping[str, Callable[[str], str]] = {
    BACKBONE: reason_to_ask,
    DATA: _reason_of_data,
    BAD_IMAGES: lambda _: "is a path",
    CORRECTIONS: lambda _: "is a path",
    UNLABELLED: lambda _: "is a path",
    TEXT: lambda _: "is a path or is fetched",
    TEMPLATES: lambda _: "is a path",
    NAMES: lambda _: "is a path",
}
