"""A row of the table of backbones."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CatalogEntry", "Place"]

Place = Literal["bundled", "cached", "hub", "file", "registered", "local"]


@dataclass(frozen=True)
class CatalogEntry:
    """A row of the catalog.

    Attributes:
        name: the name that `load_backbone` takes.
        role: its use in the paper or in the field.
        data: pretraining data, and whether its labels were used.
        parameters: millions, without a head; None if unknown.
        image_size: native input side in pixels; None if unknown.
        place: "bundled" with this package, "cached" on this machine, on the "hub", a "file" that
            the user brings, "registered" by `register_backbone`, or "local" in the user's folder.
        note: a caveat.
        licence: of the weights, as timm states it; "" if unknown.
        sha256: `hash_weights` where this project vouches for the weights, else "".
        source: of a registered backbone: another name, or a function that builds it.
    """

    name: str
    role: str
    data: str
    parameters: float | None
    image_size: int | None
    place: Place = "hub"
    note: str = ""
    licence: str = ""
    sha256: str = ""
    source: "str | Callable[[], nn.Module] | None" = None

    @property
    def gflop(self) -> float | None:
        """Operations of one forward pass in 10^9: two per parameter and patch; None if unknown.

        >>> round(CatalogEntry("vit_small_patch16_224", "", "", 21.7, 224, "hub").gflop)
        9
        """
        patch = re.search(r"patch(\d+)", self.name, re.ASCII)
        if patch is None or self.parameters is None or self.image_size is None:
            return None
        return 2 * self.parameters * (self.image_size // int(patch[1])) ** 2 / 1000

    @property
    def speed(self) -> str:
        """A class of speed: "fast" on a CPU, "medium", or "slow" without a GPU; "" if unknown."""
        if (work := self.gflop) is None:
            return ""
        return "fast" if work < 15 else "medium" if work < 60 else "slow"
