"""Members of tar files are those of Python's tarfile; whatever could trip a reader is refused."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest

from lpt.data.shards import tar_members as module
from lpt.data.shards.tar_members import Member, tar_members
from lpt.errors import DataError

from ..conftest import write_tar

NAMES = [
    "a.jpg",
    "b/c.cls",
    "x" * 99,
    "folder/" * 20 + "deep.png",
    "y" * 300,
    "König.json",
    "e" * 100,
]


def members(data: bytes) -> list[Member]:
    return list(tar_members(io.BytesIO(data), Path("a.tar")))


def header(kind: bytes, size: int | bytes, name: bytes = b"a.jpg", content: bytes = b"") -> bytes:
    """A header with a right sum, and its content."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    start = name.ljust(100, b"\0") + b"0000644\0" * 3 + field + b"0" * 11 + b"\0"
    rest = kind + bytes(100) + b"ustar\x0000" + bytes(247)
    total = sum(start) + 8 * 32 + sum(rest)
    return start + b"%06o\0 " % total + rest + content + bytes(-len(content) % 512)


def pax(*records: tuple[bytes, bytes]) -> bytes:
    found = b""
    for key, value in records:
        length = len(key) + len(value) + 3
        length += len(str(length + len(str(length))))
        found += b"%d %s=%s\n" % (length, key, value)
    return header(b"x", len(found), content=found)


END = bytes(1024)
ONE = header(b"0", 3, content=b"abc")


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_of_tarfile(kind, tmp_path):
    names = NAMES if kind != tarfile.USTAR_FORMAT else [n for n in NAMES if len(n) < 200]
    path = write_tar(tmp_path / "a.tar", {n: n.encode() * k for k, n in enumerate(names)}, kind)
    with tarfile.open(path) as tar:
        wanted = [Member(one.name, one.offset_data, one.size, False) for one in tar.getmembers()]
    data = path.read_bytes()
    assert members(data) == wanted
    assert [data[one.offset : one.offset + one.size] for one in wanted] == [
        name.encode() * k for k, name in enumerate(names)
    ]


def test_folders_are_passed_over_and_links_are_marked(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one.jpg").write_bytes(b"abc")
    (tmp_path / "b" / "two.jpg").hardlink_to(tmp_path / "b" / "one.jpg")
    (tmp_path / "b" / "three.jpg").symlink_to("one.jpg")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "b", "./b", filter=lambda one: one)
    found = members((tmp_path / "a.tar").read_bytes())
    assert sorted((one.name, one.is_link) for one in found) == [
        ("b/one.jpg", False),
        ("b/three.jpg", True),
        ("b/two.jpg", True),
    ] or sorted((one.name, one.is_link) for one in found) == [
        ("b/one.jpg", True),
        ("b/three.jpg", True),
        ("b/two.jpg", False),
    ]


def test_a_name_that_is_not_utf_8_is_kept():
    assert members(header(b"0", 0, b"k\xf6nig.jpg") + END)[0].name == "k\udcf6nig.jpg"


def test_sizes_beyond_octal_digits_and_in_attributes_are_read():
    large = b"\x80" + (3).to_bytes(11, "big")
    assert members(header(b"0", large, content=b"abc") + END)[0].size == 3
    data = pax((b"path", b"long.jpg"), (b"size", b"3"), (b"comment", b"a=b\nc")) + header(
        b"0", 0, content=b"abc"
    )
    assert members(data + END) == [Member("long.jpg", 1536, 3, False)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"x" * 600, "no tar file"),
        (ONE, "cut off"),
        (ONE[:520], "cut off"),
        (header(b"0", 5000, content=b"abc") + END, "cut off"),
        (header(b"0", b"\x80" + b"\xff" * 11) + END, "cut off"),
        (header(b"0", b"\xff" * 12) + END, "a size that is no number"),
        (header(b"0", b"0000000009z\0") + END, "a size that is no number"),
        (ONE + b"y" * 512 + END, "no member at byte 1,024"),
        (ONE + END + ONE + END, "other data after its end"),
        (header(b"S", 3, content=b"abc") + END, "sparse"),
        (header(b"M", 3, content=b"abc") + END, "a volume"),
        (header(b"5", 3, b"folder/", b"abc") + END, "a folder or link with content"),
        (header(b"1", 3, content=b"abc") + END, "a folder or link with content"),
        (header(b"0", 0, b"") + END, "a name that is empty"),
        (pax((b"GNU.sparse.major", b"1")) + ONE + END, "sparse"),
        (pax((b"size", b"9" * 30)) + ONE + END, "a size that is no number"),
        (pax((b"size", b"99999")) + ONE + END, "cut off"),
        (pax((b"path", b"z" * 5000)) + ONE + END, "too long"),
        (pax((b"path", b"a\0b")) + ONE + END, "too long"),
        (header(b"x", 10, content=b"9999999 a=") + ONE + END, "attributes"),
        (header(b"x", 4, content=b"0 =\n") + ONE + END, "attributes"),
        (header(b"x", 8, content=b"8 abcde\n") + ONE + END, "attributes"),
        (header(b"x", 2**21, content=bytes(2**21)) + ONE + END, "attributes have 2,097,152 bytes"),
        (header(b"L", 5000, content=b"z" * 5000) + ONE + END, "have 5,000 bytes"),
        (header(b"g", 12, content=b"12 path=abc\n") + ONE + END, "given to all members"),
        (pax((b"path", b"z")) + END, "cut off"),
        (gzip.compress(ONE + END), "compressed with gzip: store the .tar itself"),
        (bz2.compress(ONE * 100 + END), "compressed with bzip2"),
        (lzma.compress(bytes(range(256)) * 8 + END), "compressed with xz"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_trip_a_reader_is_refused_by_name(data, said):
    with pytest.raises(DataError, match=rf"^a\.tar: not a usable tar file \(.*({said}).*\)\."):
        members(data)


def test_members_and_the_bytes_of_their_names_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_MEMBERS", 3)
    assert len(members(ONE * 3 + END)) == 3
    with pytest.raises(DataError, match="more than 3 members"):
        members(ONE * 4 + END)
    monkeypatch.setattr(module, "_MOST_NAMES", 12)
    with pytest.raises(DataError, match="more than 2 members"):
        members(ONE * 3 + END)


def test_a_chain_of_long_names_takes_no_stack():
    assert len(members(header(b"L", 2, content=b"a\0") * 5000 + ONE + END)) == 1


def test_only_headers_are_read():
    class Counted(io.BytesIO):
        read_bytes = 0

        def read(self, size=-1, /):
            data = super().read(size)
            Counted.read_bytes += len(data)
            return data

    data = header(b"0", 10**6, content=bytes(10**6)) * 5 + END
    assert len(list(tar_members(Counted(data), Path("a.tar")))) == 5
    assert Counted.read_bytes < 5000
