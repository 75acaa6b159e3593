"""Data sets known by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.known.cifar import CIFAR10, CIFAR100, read_cifar
from lpt.data.sources.known.digits import read_digits
from lpt.data.sources.known.inaturalist import INATURALIST_2018, read_inaturalist
from lpt.data.sources.known.published_lists import IMAGENET_LT, PLACES_LT, read_published
from lpt.data.sources.listing import Listing
from lpt.errors import ConfigError
from lpt.escape import described
from lpt.registry import Registry, check_name

__all__ = ["DATASETS", "KnownDataset", "register_dataset"]

_RESERVED = ("list", "test")


@dataclass(frozen=True)
class KnownDataset:
    """A data set known by name.

    Attributes:
        read: (specification, seed) -> all images of the data set, in its official splits.
        options: names of the options that may follow the colon.
        about: one line for tables: size and requirements.
        paths: the options that are local paths.
        downloads: whether opening it may download it.
    """

    read: Callable[[DataSpec, int], Listing]
    options: tuple[str, ...]
    about: str = ""
    paths: tuple[str, ...] = ()
    downloads: bool = False


def register_dataset(
    name: str,
    read: Callable[[DataSpec, int], Listing],
    *,
    options: Sequence[str] = (),
    about: str = "",
    paths: Sequence[str] = (),
    replace: bool = False,
) -> None:
    """Add a data set that `lpt.open_data`, `lpt.train` and every command then open by name.

    Args:
        name: name on the command line.
        read: (specification, seed) -> all images of the data set. Values of options are strings in
            `specification.options`. Return the `Listing` of a reader such as
            `lpt.data.sources.class_folders.read_folder`, or one of your own.
        options: names of the options that may follow the colon.
        about: one line for `lpt data list`: size and requirements.
        paths: the options that are local paths, stored as absolute paths in run folders; they need
            not be repeated in `options`.
        replace: whether a registered data set of that name may be replaced; a built-in one never.
    Raises: ConfigError if the name is empty or taken, or an option is called "list" or "test".

    >>> from pathlib import Path
    >>> from lpt.data.sources.class_folders import read_folder
    >>> register_dataset(
    ...     "birds", lambda spec, seed: read_folder(Path(spec.options["root"])), paths=["root"]
    ... )                              # lpt train birds:root=DIR
    >>> DATASETS["birds"].options
    ('root',)
    >>> DATASETS.unregister("birds")
    """
    check_name("data set", name)
    for listed in (options, paths):
        if not isinstance(listed, list | tuple) or not all(isinstance(o, str) for o in listed):
            raise ConfigError(
                f"data set '{name}': {described(listed)}: give a list of names of options."
            )
    named = tuple(dict.fromkeys((*options, *paths)))
    taken = [option for option in named if option in _RESERVED]
    if taken:
        raise ConfigError(
            f"data set '{name}': every data set has an option '{taken[0]}'. Choose another name."
        )
    DATASETS.register(name, KnownDataset(read, named, about, tuple(paths)), replace=replace)


_BUILTIN = {
    "digits": KnownDataset(
        lambda spec, seed: read_digits(seed=seed, imbalance=spec.number("imbalance", 50)),
        ("imbalance",),
        "10 classes of handwritten digits, long-tailed; comes with scikit-learn",
    ),
    "cifar10-lt": KnownDataset(
        lambda spec, seed: read_cifar(CIFAR10, spec, seed),
        ("imbalance", "root"),
        "10 classes, 5,000 to 5,000 / imbalance images; downloads 162 MB once",
        ("root",),
        downloads=True,
    ),
    "cifar100-lt": KnownDataset(
        lambda spec, seed: read_cifar(CIFAR100, spec, seed),
        ("imbalance", "root"),
        "100 classes, 500 to 500 / imbalance images; downloads 161 MB once",
        ("root",),
        downloads=True,
    ),
    "places-lt": KnownDataset(
        lambda spec, _: read_published(PLACES_LT, spec),
        ("root", "lists"),
        "365 classes, 4,980 to 5 images, 62,500 in all; root=DIR of Places365",
        ("root", "lists"),
    ),
    "imagenet-lt": KnownDataset(
        lambda spec, _: read_published(IMAGENET_LT, spec),
        ("root", "lists"),
        "1,000 classes, 1,280 to 5 images, 115,846 in all; root=DIR of ILSVRC 2012",
        ("root", "lists"),
    ),
    "inaturalist2018": KnownDataset(
        lambda spec, _: read_inaturalist(INATURALIST_2018, spec),
        ("root", "lists"),
        "8,142 classes, 1,000 to 2 images, 437,513 in all; root=DIR of iNaturalist 2018",
        ("root", "lists"),
    ),
}

DATASETS: Registry[KnownDataset] = Registry("data set", _BUILTIN)
"""Data sets by name."""
