"""Sizes are known, and compared with the weights file, before anything is allocated."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lpt.backbones import load_backbone
from lpt.backbones.names import find_source
from lpt.backbones.outline import outline
from lpt.errors import BackboneError

from .conftest import tiny_vit


def test_an_outline_has_the_sizes_of_the_model() -> None:
    found = outline(find_source("random:vit_gigantic_patch14_224"))
    assert (found.depth, found.width) == (48, 1664)
    assert 1.8e9 < found.parameters < 1.9e9


def test_it_draws_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    outline(find_source("random:test_vit"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_an_architecture_much_larger_than_its_file_is_refused(write_vit, vit) -> None:
    path = write_vit(vit())
    with pytest.raises(BackboneError, match=r"holds 32,\d+ numbers, but its architecture has 1,8"):
        load_backbone(f"vit_gigantic_patch14_224@{path}")


def test_sizes_that_no_vit_has_are_refused_at_once(tmp_path: Path, write_vit, vit) -> None:
    arguments = {"depth": 100, "embed_dim": 8192, "num_heads": 8}
    config = {"architecture": "test_vit", "model_args": arguments}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BackboneError, match="more than any published ViT"):
        load_backbone(f"random:{tmp_path}")
    many = load_file(write_vit(vit()))
    many |= {f"blocks.{i}.x": torch.ones(1) for i in range(2, 150)}
    save_file(many, tmp_path / "many.safetensors", {"num_heads": "2"})
    with pytest.raises(BackboneError, match=r"150 blocks .* more than any published ViT"):
        load_backbone(str(tmp_path / "many.safetensors"))


NAMES = sorted(tiny_vit().state_dict())


@settings(max_examples=120)
@given(data=st.data())
def test_any_change_of_a_weights_file_is_a_backbone_or_refused(data, tmp_path_factory) -> None:
    """Tensors removed, reshaped, renamed, of other types or not finite; any metadata."""
    tensors = {name: value.contiguous() for name, value in tiny_vit().state_dict().items()}
    for name in data.draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True)):
        match data.draw(st.sampled_from(["remove", "reshape", "type", "rename", "nan"])):
            case "remove":
                del tensors[name]
            case "reshape":
                shape = data.draw(st.lists(st.integers(0, 5), max_size=4))
                tensors[name] = torch.ones(shape)
            case "type":
                dtype = data.draw(st.sampled_from([torch.int64, torch.bool, torch.float16]))
                tensors[name] = tensors[name].to(dtype)
            case "rename":
                tensors[data.draw(st.text(max_size=8) | st.sampled_from(NAMES))] = tensors.pop(name)
            case "nan":
                tensors[name] = torch.full_like(tensors[name], float("nan"))
    keys = ["num_heads", "activation", "mean", "std", "interpolation", "layer_norm_eps"]
    keys.append("architecture")
    texts = st.text(max_size=6) | st.integers().map(str) | st.floats().map(str)
    metadata = data.draw(st.dictionaries(st.sampled_from(keys), texts, max_size=2))
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    save_file(tensors, path, {"num_heads": "2", **metadata})
    lines = ""
    try:
        load_backbone(str(path))
    except BackboneError as error:
        lines = str(error)
    assert len(lines.splitlines()) <= 2
