"""The cost model, by hand and by the sizes of a real model."""

from dataclasses import replace

import pytest

from lpt.bench.cost import Sizes, block_runs, needed_flops, sizes_of
from lpt.bench.workload import Workload

VIT_S = Sizes(
    tokens=197,
    width=384,
    hidden=1536,
    depth=12,
    split=6,
    length=10,
    heads=6,
    patch_inputs=3 * 16 * 16,
)


def test_operations_of_vit_s_16_by_hand():
    """timm states 4.6 billion multiplications for ViT-S/16 at 224 px (attention included)."""
    needed = needed_flops(VIT_S)
    assert needed["bare"] / 2 == pytest.approx(4.6e9, rel=0.01)
    assert 1.3 < needed["inference"] / needed["bare"] < 1.4
    assert 0.9 < needed["inference_early"] / needed["bare"] < 1
    assert needed["phase1_adapters"] == needed["phase1"]
    assert needed["phase2"] > needed["inference"] > needed["phase2_cached"]


def test_adapters_of_four_neurons_add_a_third_of_a_percent_to_phase_1():
    """4 D r operations per token and block, three times, beside 24 D^2 + 4 (N + P) D forward."""
    phase1 = needed_flops(VIT_S)["phase1"]
    adapted = needed_flops(replace(VIT_S, adapter=4))["phase1_adapters"]
    by_hand = 3 * (11 * 197 + 1) * 4 * 384 * 4
    assert adapted - phase1 == by_hand
    assert 0.002 < by_hand / phase1 < 0.006


def test_a_feature_of_all_patches_costs_the_rest_of_the_last_block():
    short, whole = needed_flops(VIT_S), needed_flops(replace(VIT_S, pooled=True))
    block = (short["bare"] - 2 * 197 * 768 * 384) / 12
    assert whole["bare"] == short["bare"]
    assert 1.8 < (whole["inference"] - short["inference"]) / block < 2.2


def test_block_runs_of_twelve_blocks_with_six_shared():
    """6 blocks once and 6 twice, the last of each pass for the class token only."""
    runs = block_runs(VIT_S)
    assert (runs["bare"], runs["plain_inference"], runs["inference"]) == (12, 24, 16)
    assert (runs["phase2_cached"], runs["inference_early"]) == (5, 11)


def test_sizes_are_read_from_a_model():
    assert sizes_of(Workload("vit_tiny_patch8_64", 1).model) == Sizes(
        tokens=65,
        width=192,
        hidden=768,
        depth=12,
        split=6,
        length=10,
        heads=3,
        patch_inputs=3 * 8 * 8,
    )
