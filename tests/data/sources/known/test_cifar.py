import hashlib
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from lpt.data.images.decode import decode
from lpt.data.sources.known import cifar, known_datasets
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError


def records(labels, label_bytes, seed):
    """The binary format: label bytes, then 1,024 red, green and blue values each."""
    rng = np.random.default_rng(seed)
    rows = [
        bytes([9] * (label_bytes - 1) + [label])
        + rng.integers(0, 256, 3_072, dtype=np.uint8).tobytes()
        for label in labels
    ]
    return b"".join(rows)


def stand_in(archive, folder, per_class=20, num_classes=4):
    """An archive of the real structure with few images, and its description."""
    labels = list(range(num_classes)) * per_class
    parts = archive.members["train"]
    files = {
        member: records(labels[i :: len(parts)], archive.label_bytes, i)
        for i, member in enumerate(parts)
    }
    files[archive.members["test"][0]] = records(range(num_classes), archive.label_bytes, 99)
    files[archive.names] = "\n".join(f"kind {i}" for i in range(num_classes)).encode() + b"\n\n"
    path = folder / archive.file
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return replace(archive, sha256=hashlib.sha256(path.read_bytes()).hexdigest()), files


@pytest.fixture(params=["cifar10-lt", "cifar100-lt"])
def named(request, tmp_path, monkeypatch):
    constant = {"cifar10-lt": "CIFAR10", "cifar100-lt": "CIFAR100"}[request.param]
    archive, files = stand_in(getattr(cifar, constant), tmp_path)
    monkeypatch.setattr(known_datasets, constant, archive)
    return request.param, tmp_path, archive, files


def test_archive_is_converted_and_thinned(named):
    name, root, _, _ = named
    data = open_data(f"{name}:root={root},imbalance=8", val_fraction=0)
    assert data.counts().tolist() == [20, 10, 5, 2]
    assert data.counts("test").tolist() == [1, 1, 1, 1]
    assert data.class_names == ("kind 0", "kind 1", "kind 2", "kind 3")


def test_pixels_and_fine_labels_are_those_of_the_archive(named):
    name, root, archive, files = named
    data = open_data(f"{name}:root={root},imbalance=1", val_fraction=0)
    test = data.splits["test"]
    raw = np.frombuffer(files[archive.members["test"][0]], dtype=np.uint8)
    planes = raw.reshape(4, -1)[:, archive.label_bytes :].reshape(4, 3, 32, 32)
    for i in range(4):
        pixels = np.asarray(decode(test.read(i), name="x"))
        assert np.array_equal(pixels, planes[test.labels[i]].transpose(1, 2, 0))


def test_seed_chooses_images(named):
    name, root, _, _ = named
    one, two, other = (
        open_data(f"{name}:root={root},imbalance=8", seed=s).splits["train"] for s in (1, 1, 2)
    )
    assert [one.name_of(i) for i in range(9)] == [two.name_of(i) for i in range(9)]
    assert [one.name_of(i) for i in range(9)] != [other.name_of(i) for i in range(9)]


def test_archive_with_another_hash_is_refused(named):
    name, root, archive, _ = named
    path = root / archive.file
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"its SHA-256 is \w+, not the published"):
        open_data(f"{name}:root={root}")
    assert not list(root.glob("*.parquet"))


def test_archive_is_downloaded_once(named, tmp_path, monkeypatch):
    name, root, archive, _ = named
    source = root / archive.file
    asked = []

    def fake(url, timeout):
        asked.append(url)
        return io.BytesIO(source.read_bytes())

    monkeypatch.setattr("urllib.request.urlopen", fake)
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "cache"))
    for _ in range(2):
        assert open_data(f"{name}:imbalance=2").num_classes == 4
    assert asked == [archive.url]


def test_no_network_says_where_to_put_the_file(named, tmp_path, monkeypatch):
    name, *_ = named

    def refuse(url, timeout):
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(DataError, match=r"cannot be downloaded \(no route to host\).*root=DIR"):
        open_data(f"{name}:root={tmp_path / 'empty'}")
    assert not [p for p in (tmp_path / "empty").glob("*") if p.is_file()]


def test_published_hashes_and_members():
    assert cifar.CIFAR10.file == "cifar-10-binary.tar.gz"
    assert len(cifar.CIFAR10.members["train"]) == 5
    assert {len(a.sha256) for a in (cifar.CIFAR10, cifar.CIFAR100)} == {64}
