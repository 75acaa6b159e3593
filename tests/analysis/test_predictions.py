"""The predictions of an analysis are kept by image."""

from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.predictions import FILE, read_predictions, write_predictions
from lpt.data.image_stores import FileStore
from lpt.data.manifest import Split
from lpt.errors import RunError

from .samples import scores_of

NAMES = ("owl, barn", '"tawny"')


def test_every_image_is_read_back_with_its_classes_and_its_resolved_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    store = FileStore.of_files(tmp_path / "link", ["a,b.jpg", "c\x1b.jpg"])
    split = Split("test", store, np.arange(2), np.array([0, 1]))
    write_predictions(tmp_path, split, scores_of([[1, 0], [1, 0]], [0, 1]), NAMES)
    first, second = read_predictions(tmp_path) or ()
    assert first.image == str(tmp_path.resolve() / "a,b.jpg")
    assert (first.own, first.predicted, first.is_correct) == (NAMES[0], NAMES[0], True)
    assert second.image.endswith(r"c\x1b.jpg")
    assert (second.own, second.predicted, second.is_correct) == (NAMES[1], NAMES[0], False)


def test_an_older_analysis_has_none(tmp_path: Path) -> None:
    assert read_predictions(tmp_path) is None


@pytest.mark.parametrize("content", [b"something,else\n1,2\n", b"\xff\xfe\x00"])
def test_another_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunError, match=r"predictions\.csv: not the predictions"):
        read_predictions(tmp_path)
