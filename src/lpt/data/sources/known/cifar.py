"""CIFAR-10-LT and CIFAR-100-LT from the authors' binary archives; nothing is unpickled."""

import hashlib
import http.client
import io
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lpt.data.image_stores import FileStore
from lpt.data.longtail import profile_counts
from lpt.data.parquet.parquet_reader import row_count
from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.listing import Listing
from lpt.data.sources.parquet_dataset import read_parquet
from lpt.errors import DataError
from lpt.files.atomic_files import cache_folder, write_atomic
from lpt.files.regular_files import open_regular
from lpt.random_streams import random_stream

__all__ = ["CIFAR10", "CIFAR100", "Archive", "read_cifar"]

_PIXELS = 3 * 32 * 32


_MOST_BYTES = 2**30  # of an archive; they have 170 MB


@dataclass(frozen=True)
class Archive:
    """A binary archive of 32 x 32 images.

    Attributes:
        name: prefix of the names of converted files.
        url: address of the archive.
        sha256: hash of the archive.
        members: its files of each split.
        names: its file of class names, one per line.
        label_bytes: number of bytes before each image; the last is the label.
    """

    name: str
    url: str
    sha256: str
    members: dict[str, tuple[str, ...]]
    names: str
    label_bytes: int

    @property
    def file(self) -> str:
        """File name of the archive."""
        return self.url.rpartition("/")[2]


CIFAR10 = Archive(
    name="cifar10",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    members={
        "train": tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
        "test": ("cifar-10-batches-bin/test_batch.bin",),
    },
    names="cifar-10-batches-bin/batches.meta.txt",
    label_bytes=1,
)
CIFAR100 = Archive(
    name="cifar100",
    url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    members={"train": ("cifar-100-binary/train.bin",), "test": ("cifar-100-binary/test.bin",)},
    names="cifar-100-binary/fine_label_names.txt",
    label_bytes=2,
)


def read_cifar(archive: Archive, spec: DataSpec, seed: int) -> Listing:
    """Read an exponential long tail of the training images, and all test images.

    Class i keeps floor(n_max * imbalance^(-i / (C - 1))) images, drawn by `seed`. On first use the
    archive is downloaded (unless it is in `root`), verified by hash and converted to two Parquet
    files of PNG images beside it.

    Args:
        archive: the data set.
        spec: options `imbalance` (default 100) and `root`, the folder of the files (default:
            `lpt.files.atomic_files.cache_folder`).
        seed: chooses the images.
    Raises: DataError if the archive cannot be downloaded, is not the published one, or is damaged.
    Source: Cui et al., CVPR 2019.
    """
    imbalance = spec.number("imbalance", 100)
    root = Path(spec.options.get("root", cache_folder())).expanduser()
    files = [root / f"{archive.name}-{split}.parquet" for split in ("train", "test")]
    if not all(path.exists() for path in files):
        _convert(archive, root)
    whole = read_parquet(files, root=root)
    splits = np.repeat(["train", "test"], [row_count(path) for path in files])
    kept = _tail(whole.labels, splits, imbalance, seed)
    store = whole.store
    if not isinstance(store, FileStore):
        raise TypeError("Parquet files are always read into a FileStore")
    return replace(
        whole,
        name=f"{archive.name}-lt",
        store=store.take(kept),
        labels=whole.labels[kept],
        splits=splits[kept],
    )


def _tail(
    labels: npt.NDArray[np.int64], splits: npt.NDArray[np.str_], imbalance: float, seed: int
) -> npt.NDArray[np.int64]:
    rng = random_stream(seed)
    train = splits == "train"
    available = np.bincount(labels[train])
    counts = profile_counts(
        "exponential", num_classes=len(available), largest=int(available.min()), imbalance=imbalance
    )
    chosen = [
        rng.permutation(np.flatnonzero(train & (labels == c)))[:n] for c, n in enumerate(counts)
    ]
    return np.concatenate([*chosen, np.flatnonzero(~train)])


def _convert(archive: Archive, root: Path) -> None:
    path = root / archive.file
    if not path.exists():
        _download(archive.url, path)
    digest = hashlib.sha256()
    with open_regular(path, max_bytes=_MOST_BYTES) as stream:
        while block := stream.read(2**20):
            digest.update(block)
    if digest.hexdigest() != archive.sha256:
        raise DataError(
            f"{path}: its SHA-256 is {digest.hexdigest()}, not the published {archive.sha256}. "
            f"Remove the file and download {archive.url} again."
        )
    try:
        with tarfile.open(path) as tar:
            names = [name for name in _member(tar, archive.names).decode().split("\n") if name]
            for split, members in archive.members.items():
                records = b"".join(_member(tar, member) for member in members)
                table = _table(records, archive.label_bytes, names)
                target = root / f"{archive.name}-{split}.parquet"
                write_atomic(target, partial(_write, table))
    except (tarfile.TarError, EOFError, ValueError, IndexError) as error:
        raise DataError(f"{path}: damaged ({error}). Remove it and download it again.") from error


def _write(table: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, row_group_size=2_000, compression="NONE")


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    """Bytes of a member; nothing is extracted to disk."""
    try:
        stream = tar.extractfile(name)
    except KeyError as error:
        raise ValueError(f"{name} is missing") from error
    if stream is None:
        raise ValueError(f"{name} is not a file")
    return stream.read()


def _table(records: bytes, label_bytes: int, names: list[str]) -> Any:
    import pyarrow as pa

    rows = np.frombuffer(records, dtype=np.uint8).reshape(-1, label_bytes + _PIXELS)
    labels = rows[:, label_bytes - 1].astype(np.int64)
    images = rows[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pa.table(
        {
            "image": [_png(image) for image in images],
            "label": labels,
            "label_name": [names[label] for label in labels],
        }
    )


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _download(url: str, path: Path) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as out:
            for block in _blocks(url, path):
                out.write(block)

    write_atomic(path, write)


def _blocks(url: str, path: Path) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            while block := response.read(2**20):
                yield block
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        raise DataError(
            f"{url}: cannot be downloaded ({error}). Download it on a machine with network access "
            f"and put it into {path.parent}, or give its folder: root=DIR."
        ) from error
