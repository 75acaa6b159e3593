"""Small data sets on disk, made fresh for each test."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

if TYPE_CHECKING:
    from ..s3_server import S3Server

MakeFolder = Callable[[dict[str, int]], Path]


@pytest.fixture
def s3_client(s3_server: "S3Server", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "S3Server":
    """The local S3 server, with its address in the environment and nothing of it in the cache."""
    from lpt.files.remote import byte_ranges

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "cache"))
    byte_ranges.forget_blocks()
    return s3_server


def encoded(number: int, size: tuple[int, int] = (12, 10), kind: str = "PNG") -> bytes:
    """An image that no other number gives."""
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Class folders by relative path and number of images: {"train/cat": 3}."""

    def make(classes: dict[str, int]) -> Path:
        root = tmp_path / "photos"
        number = 0
        for name, n in classes.items():
            (root / name).mkdir(parents=True)
            for i in range(n):
                (root / name / f"{i:03d}.png").write_bytes(encoded(number))
                number += 1
        return root

    return make


def write_parquet(path: Path, labels: list[int], **columns: list[object]) -> Path:
    """Distinct images with these labels and any other columns."""
    images = [encoded(1000 + i) for i in range(len(labels))]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": images, "label": labels, **columns}), path, row_group_size=4)
    return path


def write_tar(path: Path, members: dict[str, bytes], format: int = tarfile.PAX_FORMAT) -> Path:
    """A tar file of these members, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def write_shard(path: Path, labels: list[object], first: int = 1000, **others: bytes) -> Path:
    """Distinct images with these labels, and any other members."""
    members: dict[str, bytes] = {f"{name}.txt": content for name, content in others.items()}
    for number, label in enumerate(labels, start=first):
        members[f"{number:06d}.png"] = encoded(number)
        members[f"{number:06d}.cls"] = str(label).encode()
    return write_tar(path, members)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real images outside the repository; LPT_SHARED names their parent."""
    default = Path(__file__).parents[3] / "shared"
    data = Path(os.environ.get("LPT_SHARED", default)) / "data"
    if not data.is_dir():
        pytest.skip(f"real images are not here ({data}); set LPT_SHARED")
    return data
