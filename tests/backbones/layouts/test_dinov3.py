"""Sizes of a DINOv3 that a file states: impossible ones are refused before anything is built."""

import pytest
import torch

from lpt.backbones.layouts.dinov3 import eva_arguments

TENSORS = {
    "patch_embed.proj.weight": torch.zeros(32, 3, 8, 8),
    "blocks.0.mlp.fc1.weight": torch.zeros(48, 32),
    "reg_token": torch.zeros(1, 4, 32),
}


def test_the_shapes_give_the_sizes():
    found = eva_arguments(TENSORS, {"image_size": "35"}, depth=2, heads=2)
    assert (found["img_size"], found["patch_size"], found["num_reg_tokens"]) == (32, 8, 4)
    assert int(found["embed_dim"] * found["mlp_ratio"]) == 48
    assert not found["qkv_bias"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"image_size": "99999"},
        {"image_size": "4"},
        {"image_size": "many"},
        {"rope_temperature": "nan"},
        {"rope_temperature": "hot"},
        {"activation": "silu"},
    ],
    ids=str,
)
def test_impossible_numbers_are_refused(metadata):
    with pytest.raises(
        ValueError, match=r"images of|rope_temperature|could not convert|activation"
    ):
        eva_arguments(TENSORS, metadata, depth=2, heads=2)
