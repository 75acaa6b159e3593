"""The table of data sets known by name."""

from collections.abc import Callable
from dataclasses import dataclass

from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.known.cifar import CIFAR10, CIFAR100, read_cifar
from lpt.data.sources.known.digits import read_digits
from lpt.data.sources.known.inaturalist import INATURALIST_2018, read_inaturalist
from lpt.data.sources.known.published_lists import IMAGENET_LT, PLACES_LT, read_published
from lpt.data.sources.listing import Listing

__all__ = ["NAMED", "NamedSet"]


@dataclass(frozen=True)
class NamedSet:
    """A data set known by name.

    Attributes:
        read: (specification, seed) -> every image of the set, in its official splits.
        options: options that it takes after the colon.
        about: one line for tables: size, and what it needs.
    """

    read: Callable[[DataSpec, int], Listing]
    options: tuple[str, ...]
    about: str


NAMED = {
    "digits": NamedSet(
        lambda spec, seed: read_digits(seed=seed, imbalance=spec.number("imbalance", 50)),
        ("imbalance",),
        "10 classes of handwritten digits, long-tailed; comes with scikit-learn",
    ),
    "cifar10-lt": NamedSet(
        lambda spec, seed: read_cifar(CIFAR10, spec, seed),
        ("imbalance", "root"),
        "10 classes, 5,000 to 5,000 / imbalance images; downloads 162 MB once",
    ),
    "cifar100-lt": NamedSet(
        lambda spec, seed: read_cifar(CIFAR100, spec, seed),
        ("imbalance", "root"),
        "100 classes, 500 to 500 / imbalance images; downloads 161 MB once",
    ),
    "places-lt": NamedSet(
        lambda spec, _: read_published(PLACES_LT, spec),
        ("root", "lists"),
        "365 classes, 4,980 to 5 images, 62,500 in all; root=DIR of Places365",
    ),
    "imagenet-lt": NamedSet(
        lambda spec, _: read_published(IMAGENET_LT, spec),
        ("root", "lists"),
        "1,000 classes, 1,280 to 5 images, 115,846 in all; root=DIR of ILSVRC 2012",
    ),
    "inaturalist2018": NamedSet(
        lambda spec, _: read_inaturalist(INATURALIST_2018, spec),
        ("root", "lists"),
        "8,142 classes, 1,000 to 2 images, 437,513 in all; root=DIR of iNaturalist 2018",
    ),
}
