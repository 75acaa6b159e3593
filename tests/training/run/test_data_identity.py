"""The fingerprint of the training data follows its files and labels, not its place."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lpt.data.image_stores import ImageRef, ImageStore
from lpt.data.sources.open_data import open_data
from lpt.training.run.data_identity import (
    IMAGE_TIMES,
    data_identity,
    files_identity,
    run_identity,
)


def test_data_that_moved_is_the_same_data(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "elsewhere")
    assert data_identity(open_data(photos)) == data_identity(open_data(tmp_path / "elsewhere"))


@pytest.mark.parametrize("change", ["rename", "remove", "relabel"])
def test_other_files_or_labels_are_other_data(change: str, photos: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    for image in sorted((copy / "ant").iterdir()):
        if change == "remove":
            image.unlink()
            if len(list((copy / "ant").iterdir())) < 20:
                break
        else:
            folder = "bee" if change == "relabel" else "ant"
            image.rename(copy / folder / f"other-{image.name}")
            if change == "relabel" and len(list((copy / "ant").iterdir())) < 20:
                break
    assert data_identity(open_data(copy)) != data_identity(open_data(photos))


def test_content_is_compared_on_request(photos: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    before = data_identity(open_data(copy), content=True)
    assert before == data_identity(open_data(photos), content=True)
    image = min((copy / "ant").iterdir())
    times = (image.stat().st_atime_ns, image.stat().st_mtime_ns)
    image.write_bytes(image.read_bytes()[:-1] + b"?")
    os.utime(image, ns=times)
    assert files_identity(open_data(copy)) == files_identity(open_data(photos))
    after = data_identity(open_data(copy), content=True)
    assert [name for name in before if before[name] != after[name]] == ["image content"]


def test_an_image_that_is_replaced_is_noticed_by_its_size_or_time(
    photos: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)  # with the times of the originals
    before = files_identity(open_data(copy))
    assert before == files_identity(open_data(photos))
    image = min((copy / "ant").iterdir())
    os.utime(image, ns=(0, 1))
    after = files_identity(open_data(copy))
    assert [name for name in before if before[name] != after[name]] == [IMAGE_TIMES]
    image.write_bytes(image.read_bytes() + b"x")
    assert files_identity(open_data(copy)) != after
    image.unlink()
    assert files_identity(open_data(photos)) == before


class _OtherStore:
    """A store of a kind that the fingerprint does not know."""

    def __init__(self, store: ImageStore) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def ref(self, position: int) -> ImageRef:
        return self.store.ref(position)

    def read(self, position: int) -> bytes:
        return self.store.read(position)


@pytest.mark.parametrize("source", ["folder", "parquet"])
def test_the_fingerprint_does_not_depend_on_the_kind_of_store(
    source: str, photos: Path, tmp_path: Path
) -> None:
    data = open_data(photos)
    if source == "parquet":
        labels = np.repeat(np.arange(2), 12)
        table = pa.table({"image": [bytes([n]) for n in range(24)], "label": labels})
        for name in ("one", "two"):
            pq.write_table(table, tmp_path / f"{name}.parquet")
        data = open_data(tmp_path)
    splits = {n: replace(s, store=_OtherStore(s.store)) for n, s in data.splits.items()}
    assert run_identity(replace(data, splits=splits)) == run_identity(data)
