import contextlib
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lpt.backbones import load_backbone
from lpt.backbones.weight_file import read_checkpoint
from lpt.errors import BackboneError


def refused(name: str, *words: str, **settings: object) -> None:
    """Loading fails with one or two lines that contain all words."""
    with pytest.raises(BackboneError) as failure:
        load_backbone(name, **settings)
    message = str(failure.value)
    assert message.count("\n") <= 1
    for word in words:
        assert word in message


def change(path: Path, **tensors: torch.Tensor | None) -> Path:
    """Replace tensors (dots written as __); None removes."""
    content = load_file(path)
    for name, tensor in tensors.items():
        content.pop(name.replace("__", "."), None)
        if tensor is not None:
            content[name.replace("__", ".")] = tensor
    save_file(content, path, {"num_heads": "2"})
    return path


def test_a_missing_tensor_is_named(vit, write_vit):
    path = change(write_vit(vit()), norm__bias=None)
    refused(str(path), str(path), "norm.bias", "TIMM_NAME@FILE")


def test_a_tensor_of_another_shape_is_named_with_both_shapes(vit, write_vit):
    path = change(write_vit(vit()), blocks__1__norm1__weight=torch.ones(31))
    refused(str(path), str(path), "blocks.1.norm1.weight", "(31,)", "(32,)")


def test_a_tensor_that_belongs_to_no_vit_is_named(vit, write_vit):
    path = change(write_vit(vit()), surprise=torch.ones(1))
    refused(str(path), str(path), "surprise")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_weights_are_refused(vit, write_vit, value):
    path = change(write_vit(vit()), norm__weight=torch.full((32,), value))
    refused(str(path), str(path), "norm.weight", "NaN or infinity")


def test_heads_are_ignored(vit, write_vit):
    with_head = load_backbone(str(write_vit(vit())))
    path = change(write_vit(vit(), "b.safetensors"), head__weight=None, head__bias=None)
    assert load_backbone(str(path)).spec.sha256 == with_head.spec.sha256


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "ckpt", "pkl"])
def test_torch_files_are_never_opened(tmp_path, suffix):
    trap = tmp_path / f"weights.{suffix}"
    trap.write_bytes(pickle.dumps({"w": 1}))
    refused(str(trap), str(trap), "torch.load", "save_file")
    refused(f"test_vit@{trap}", str(trap), "save_file")


def test_a_pickle_called_safetensors_is_damaged(tmp_path):
    path = tmp_path / "weights.safetensors"
    torch.save({"w": torch.ones(1)}, path)
    refused(str(path), str(path), "not a readable safetensors file")


def test_missing_and_empty_files(tmp_path):
    refused(str(tmp_path / "none.safetensors"), "none.safetensors", "no such weights file")
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    refused(str(empty), str(empty), "not a readable safetensors file")
    save_file({}, empty)
    refused(str(empty), str(empty), "contains no tensors")


def test_half_precision_is_read_as_float32(tmp_path):
    save_file({"w": torch.ones(2).half(), "i": torch.ones(2).long()}, tmp_path / "a.safetensors")
    tensors = read_checkpoint(tmp_path / "a.safetensors").tensors
    assert tensors["w"].dtype == torch.float32
    assert tensors["i"].dtype == torch.int64


FUZZ = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(data=st.data())
def test_a_file_with_any_byte_changed_or_cut_off_loads_or_is_refused(vit, write_vit, data):
    path = write_vit(vit())
    content = bytearray(path.read_bytes())
    header = 8 + struct.unpack("<Q", content[:8])[0]
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(BackboneError):
        load_backbone(str(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=4) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@FUZZ
@given(config=JSON | st.fixed_dictionaries({
    "architecture": st.just("test_vit"),
    "pretrained_cfg": JSON | st.fixed_dictionaries({"mean": JSON, "std": JSON}),
    "model_args": JSON | st.dictionaries(
        st.sampled_from(["img_size", "depth", "checkpoint_path", "num_heads", "qk_norm"]), JSON
    ),
}))  # fmt: skip
def test_any_config_json_loads_or_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with contextlib.suppress(BackboneError):
        load_backbone(f"random:{tmp_path}")
