"""Samples of tar files: images with labels, by the convention of WebDataset."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from lpt.data.shards import shard_samples
from lpt.data.shards.shard_samples import Samples, read_samples
from lpt.errors import DataError

from ..conftest import write_tar


def samples(tmp_path: Path, members: dict[str, bytes], group_by: str | None = None) -> Samples:
    data = write_tar(tmp_path / "a.tar", members).read_bytes()
    found = read_samples(io.BytesIO(data), Path("a.tar"), group_by)
    for name, offset, size in zip(found.names, found.offsets, found.sizes, strict=True):
        assert data[offset : offset + size] == members[name]
    return found


def test_labels_are_texts_or_values_in_json(tmp_path):
    members = {
        "birds/1.jpg": b"one",
        "birds/1.cls": b"3\n",
        "birds/2.json": json.dumps({"label": 4, "label_name": "owl", "width": 3}).encode(),
        "birds/2.PNG": b"two",
        "birds/3.webp": b"three",
        "birds/3.cls": "Käuzchen".encode(),
        "birds/3.json": b"not JSON, and not needed",
        "birds/3.txt": b"a caption",
    }
    found = samples(tmp_path, members)
    assert found.names == ["birds/1.jpg", "birds/2.PNG", "birds/3.webp"]
    assert found.columns == {"label": ["3\n", 4, "Käuzchen"], "label_name": [None, "owl", None]}


def test_a_group_is_a_value_of_the_json(tmp_path):
    members = {
        "1.jpg": b"one",
        "1.cls": b"0",
        "1.json": b'{"nest": "a7", "label": [0, 1]}',
        "2.jpg": b"two",
        "2.cls": b"0",
    }
    assert samples(tmp_path, members, "nest").columns["nest"] == ["a7", None]


def test_names_of_classes_and_what_is_left_out(tmp_path):
    members = {
        "classes.txt": b"owl\nlynx\n",
        "1.jpg": b"one",
        "1.cls": b"0",
        "2.cls": b"1",
        "3.jpg": b"three",
        "3.seg.png": b"a mask",
        "3.cls": b"1",
        ".hidden.jpg": b"x",
        "__README": b"x",
    }
    found = samples(tmp_path, members)
    assert found.names == ["1.jpg", "3.jpg"]
    assert found.classes == "owl\nlynx\n"
    assert (found.left_out, found.dotted, found.example) == (1, 1, "3.seg.png")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"1.jpg": b"x"}, "a.tar: 1: has no label"),
        ({"b/1.jpg": b"x", "b/1.json": b"{}"}, "a.tar: b/1: has no label"),
        ({"1.jpg": b"x", "2.jpg": b"y", "1.cls": b"0"}, "a.tar: 1: has no label"),
        ({"1.jpg": b"x", "1.json": b"[1]"}, "has no label"),
        ({"1.jpg": b"x", "1.json": b'{"label": NaN}'}, "has no label"),
        ({"1.jpg": b"x", "1.json": b'{"label": Infinity}'}, "not a short text or number"),
        ({"1.jpg": b"x", "1.json": b'{"label": [1]}'}, "not a short text or number"),
        ({"1.jpg": b"x", "1.json": b'{"label": "' + b"y" * 2000 + b'"}'}, "not a short text"),
        ({"1.jpg": b"x", "1.json": b"{"}, "its .json cannot be read"),
        ({"1.jpg": b"x", "1.json": b"[" * 100_000}, "its .json cannot be read"),
        ({"1.jpg": b"x", "1.json": bytes(2**20 + 1)}, "its .json has 1,048,577 bytes"),
        ({"1.jpg": b"x", "1.cls": bytes(1001)}, "its .cls has 1,001 bytes"),
        ({"1.jpg": b"x", "1.cls": b"\xff"}, "1.cls: is not UTF-8"),
        ({"1.jpg": b"x", "1.png": b"x", "1.cls": b"0"}, "1: two images have this name"),
        ({"1.jpg": b"x", "1.JPG": b"x", "1.cls": b"0"}, "1.JPG: is there twice"),
        ({"classes.txt": b"a", "b/classes.txt": b"a"}, "two members classes.txt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sample_that_cannot_be_used_is_named(members, said, tmp_path):
    with pytest.raises(DataError) as caught:
        samples(tmp_path, members)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def written(keys: list[str]) -> io.BytesIO:
    """A shard of images with these keys, each followed by its label."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for key in keys:
            for name in (f"{key}.jpg", f"{key}.cls"):
                member = tarfile.TarInfo(name)
                member.size = 1
                tar.addfile(member, io.BytesIO(b"0"))
    return stream


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["1", "2", "3", "2"], "a.tar: 2: the images of rows 1 and 3 have this name"),
        (["v1.0/1", "2", "v1.0/1"], "a.tar: v1.0/1: the images of rows 0 and 2 have this name"),
        (["1", "1"], "a.tar: 1.jpg: is there twice"),
    ],
)
@pytest.mark.parametrize("same_hash", [False, True])
def test_two_samples_of_one_key_are_an_error_wherever_they_are(keys, said, same_hash, monkeypatch):
    if same_hash:
        monkeypatch.setattr(shard_samples, "hash", lambda _: 7, raising=False)
    with pytest.raises(DataError) as caught:
        read_samples(written(keys), Path("a.tar"))
    assert said in str(caught.value)
    names = read_samples(written(["a/1", "b/1", "1"]), Path("a.tar")).names
    assert names == ["a/1.jpg", "b/1.jpg", "1.jpg"]


def test_links_in_place_of_an_image_or_label_are_refused(monkeypatch):
    monkeypatch.setattr(
        shard_samples,
        "tar_members",
        lambda *_: [
            shard_samples.Member("1.jpg", 0, 0, is_link=True),
            shard_samples.Member("1.cls", 0, 1, is_link=False),
        ],
    )
    with pytest.raises(DataError, match="its image is a link"):
        read_samples(io.BytesIO(b"0"), Path("a.tar"))
