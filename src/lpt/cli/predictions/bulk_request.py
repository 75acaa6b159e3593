"""The options of `lpt predict --out`, checked before torch is imported."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lpt.errors import ConfigError, ParameterError

if TYPE_CHECKING:
    from lpt.cli.predictions.prior_request import PriorRequest

__all__ = ["FORMATS", "BulkRequest", "check_shared"]

FORMATS = (".csv", ".jsonl", ".parquet")
"""Suffixes of the files that can be written."""


@dataclass(frozen=True)
class BulkRequest:
    """Where predictions go, and with which additions.

    Attributes:
        out: the file; its suffix is one of `FORMATS`.
        embeddings: add the features of the images.
        sort_into: folder that receives the images by predicted class.
        copy: copy the images there instead of linking to them.
    """

    out: Path
    embeddings: bool = False
    sort_into: Path | None = None
    copy: bool = False

    @classmethod
    def of_options(
        cls, out: Path | None, embeddings: bool, sort_into: Path | None, copy: bool
    ) -> "BulkRequest | None":
        """Return the request; None without `--out`.

        Raises: ParameterError for an option that needs another one.
        """
        if copy and sort_into is None:
            raise ParameterError("`copy`: needs `sort_into`, the folder for the copies.")
        if out is not None:
            return cls(out, embeddings, sort_into, copy)
        if embeddings or sort_into is not None:
            name = "embeddings" if embeddings else "sort_into"
            raise ParameterError(f"`{name}`: needs `out`, a file such as predictions.csv.")
        return None

    def check(self, paths: Sequence[Path]) -> None:
        """Check what needs no task.

        Args:
            paths: the images and folders to predict.
        Raises: ParameterError for an unknown suffix or a folder that would receive images of
            itself; ConfigError if the file exists.
        """
        if self.out.suffix not in FORMATS:
            raise ParameterError(
                f"`out` {self.out}: unknown format '{self.out.suffix}'. "
                f"Choose a name that ends in one of: {', '.join(FORMATS)}."
            )
        if os.path.lexists(self.out):
            raise ConfigError(
                f"{self.out}: exists already. Choose another name, or remove it first."
            )
        if self.sort_into is None:
            return
        into = self.sort_into.resolve()
        for path in paths:
            if path.is_dir() and into.is_relative_to(path.resolve()):
                raise ParameterError(
                    f"`sort_into` {self.sort_into}: is inside {path}, whose images are predicted. "
                    "Choose a folder elsewhere."
                )


def check_shared(bulk: BulkRequest | None, prior: "PriorRequest | None") -> None:
    """Check that several processes can predict together.

    Raises: ParameterError without a file, or for frequencies that are estimated from all images.
    """
    if bulk is None:
        raise ParameterError("`processes`: needs `out`, a file such as predictions.csv.")
    if prior is not None and prior.is_estimated:
        raise ParameterError(
            "`processes`: each process sees a share of the images, and `prior` estimate needs all "
            "of them. Leave one of them out."
        )
