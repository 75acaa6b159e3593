"""Safetensors files read like the library's, or are refused in one line, at once."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load, save, save_file

from lpt.errors import RunError
from lpt.files.tensor_files import TensorFile, TensorLimits, tensor_bytes

TENSORS = {
    "half": torch.arange(6).reshape(2, 3).half(),
    "brain": torch.ones(2, dtype=torch.bfloat16),
    "whole": torch.tensor([-5, 2**40]),
    "byte": torch.tensor([1, 255], dtype=torch.uint8),
    "flag": torch.tensor([True, False]),
    "one": torch.tensor(3.5),
    "none": torch.zeros(0, 4),
}


def opened(path: Path, **limits: int) -> TensorFile:
    return TensorFile(path, TensorLimits(**limits), RunError)


def test_every_type_comes_back_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file(TENSORS, path, {"a": "ö", "b": ""})
    with opened(path) as file:
        assert file.metadata == {"a": "ö", "b": ""}
        assert file.kinds["half"] == ("F16", 2, 3)
        assert file.kinds["one"] == ("F32",)
        found, outlines = file.read_all(), file.outlines()
        assert file.numbers == sum(t.numel() for t in TENSORS.values())
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == outlines[name].dtype == tensor.dtype
        assert outlines[name].is_meta
        assert outlines[name].shape == tensor.shape
        assert torch.equal(found[name], tensor)


def test_written_bytes_are_those_of_the_library_and_the_same_each_time() -> None:
    metadata = dict.fromkeys("zyxwvutsr", "text")
    written = tensor_bytes(TENSORS, metadata)
    assert all(tensor_bytes(TENSORS, metadata) == written for _ in range(5))
    assert all(torch.equal(value, TENSORS[name]) for name, value in load(written).items())


def with_header(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BAD = {
    "empty": b"",
    "short": b"\1\0\0",
    "header beyond the end": (2**60).to_bytes(8, "little") + b"{}",
    "no JSON": with_header(b"{"),
    "not UTF-8": with_header(b"\xff"),
    "a list": with_header([]),
    "deep": with_header(b"[" * 100_000),
    "metadata of numbers": with_header({"__metadata__": {"a": 1}}),
    "a gap": with_header({"a": {**ENTRY, "data_offsets": [4, 12]}}, bytes(12)),
    "bytes left": with_header({"a": ENTRY}, bytes(9)),
    "bytes missing": with_header({"a": ENTRY}, bytes(7)),
    "shape of more": with_header({"a": {**ENTRY, "shape": [3]}}, bytes(8)),
    "shape of the universe": with_header({"a": {**ENTRY, "shape": [2**40] * 8}}, bytes(8)),
    "negative": with_header({"a": {**ENTRY, "shape": [-2]}}, bytes(8)),
    "many axes": with_header({"a": {**ENTRY, "shape": [1] * 7 + [2, 1]}}, bytes(8)),
    "text as shape": with_header({"a": {**ENTRY, "shape": "2"}}, bytes(8)),
    "unknown type": with_header({"a": {**ENTRY, "dtype": "F7"}}, bytes(8)),
    "overlap": with_header({"a": ENTRY, "b": {**ENTRY, "data_offsets": [4, 12]}}, bytes(12)),
    "unknown field": with_header({"a": {**ENTRY, "more": 1}}, bytes(8)),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_valid_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(BAD[case])
    with pytest.raises(RunError, match=r"x\.safetensors: not a readable .* Obtain it") as caught:
        opened(path)
    assert len(str(caught.value).splitlines()) == 1


def test_limits_hold_before_anything_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({str(i): torch.zeros(1) for i in range(30)}, path)
    with pytest.raises(RunError, match="more than 20 tensors"):
        opened(path, tensors=20)
    with pytest.raises(RunError, match=r"its header has .* more than 100 bytes"):
        opened(path, header_bytes=100)
    with pytest.raises(RunError, match="more than the 50 bytes"):
        opened(path, file_bytes=50)
    with opened(path, tensors=30) as file:
        assert len(file.kinds) == 30


def test_a_file_cut_off_while_it_is_open_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(100_000)}, path)
    with opened(path) as file:
        path.write_bytes(b"")
        with pytest.raises(RunError, match="ends within a; something changed it"):
            file.read("a")


@settings(max_examples=300)
@given(data=st.data())
def test_what_is_read_is_what_the_library_reads(data, tmp_path_factory) -> None:
    """Bytes changed, cut out or put in: refused, or the tensors that the library finds."""
    whole = save(TENSORS, {"a": "b"})
    at = data.draw(st.integers(0, len(whole) - 1))
    cut, put = data.draw(st.integers(0, 6)), data.draw(st.binary(max_size=6))
    changed = whole[:at] + put + whole[at + cut :]
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    path.write_bytes(changed)
    try:
        with opened(path) as file:
            found = file.read_all()
    except RunError:
        return
    try:
        theirs = load(changed)
    except SafetensorError:  # such as a type that torch lacks
        return
    assert found.keys() == theirs.keys()
    for name, tensor in found.items():
        raw = [t.contiguous().flatten().view(torch.uint8) for t in (tensor, theirs[name])]
        assert tensor.dtype == torch.bool or torch.equal(*raw)
