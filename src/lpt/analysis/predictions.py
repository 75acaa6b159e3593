"""The prediction of each analysed image, as a file that later comparisons pair by image."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lpt.analysis.logit_digest import ImageScores
from lpt.data.manifest import Split
from lpt.errors import RunError
from lpt.escape import csv_text, printable, shell_command
from lpt.files.atomic_files import write_text
from lpt.files.regular_files import open_regular

__all__ = ["FILE", "ImagePrediction", "read_predictions", "write_predictions"]

FILE = "predictions.csv"
_MOST_BYTES = 2**30
_COLUMNS = ("image", "class", "predicted", "probability", "own")


@dataclass(frozen=True)
class ImagePrediction:
    """The prediction of one image.

    Attributes:
        image: resolved path of the image, with its row in a Parquet file; control characters are
            escaped.
        own, predicted: names of the given and of the predicted class.
    """

    image: str
    own: str
    predicted: str

    @property
    def is_correct(self) -> bool:
        """Whether the given class was predicted."""
        return self.own == self.predicted


def write_predictions(
    folder: Path, split: Split, scores: ImageScores, class_names: Sequence[str]
) -> None:
    """Write predictions.csv: one line per image, in the order of the split.

    Args:
        folder: folder of the analysis.
        split: the analysed images.
        scores: digest of their predictions.
        class_names: (C,) names.
    """
    rows = [
        dict(
            zip(
                _COLUMNS,
                (
                    image,
                    printable(class_names[scores.labels[index]]),
                    printable(class_names[scores.chosen[index]]),
                    f"{scores.confidence[index]:.6g}",
                    f"{scores.own[index]:.6g}",
                ),
                strict=True,
            )
        )
        for index, image in enumerate(_names(split))
    ]
    text = csv_text(rows, _COLUMNS, paths=_COLUMNS[:1], exact=_COLUMNS[1:3])
    write_text(folder / FILE, text)


def read_predictions(folder: Path) -> tuple[ImagePrediction, ...] | None:
    """Read predictions.csv of an analysis; None if there is none (analyses before version 0.2).

    Raises: RunError naming the file and line if it is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with io.TextIOWrapper(
            open_regular(path, max_bytes=_MOST_BYTES, error=RunError), "utf-8", newline=""
        ) as stream:
            reader = csv.DictReader(stream)
            return tuple(
                ImagePrediction(row["image"], row["class"], row["predicted"]) for row in reader
            )
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(
            f"{path}: not the predictions of an analysis. "
            f"Run: {shell_command('lpt', 'analyze', folder.parent)}"
        ) from error


def _names(split: Split) -> Iterator[str]:
    """Name of each image; a folder is resolved once."""
    resolved: dict[Path, Path] = {}
    for index in range(len(split)):
        ref = split.ref(index)
        parent = ref.path.parent
        if parent not in resolved:
            resolved[parent] = parent.resolve()
        row = "" if ref.row is None or ref.row < 0 else f" row {ref.row}"
        yield printable(f"{resolved[parent] / ref.path.name}{row}")
