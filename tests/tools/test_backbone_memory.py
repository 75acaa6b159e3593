"""Activations of a deep backbone follow from shallow ones; weights are counted without memory."""

import csv

import pytest
import timm
from tools.scale.backbone_memory import BACKBONES, activations, made, main, of_depth

from lpt.config import load_config
from lpt.training.phases.build_stages import build_model

NAME = "test_vit"


@pytest.mark.parametrize("again", [False, True])
def test_activations_of_two_shallow_models_give_those_of_a_deeper_one(again):
    few, more = (of_depth(NAME, depth, 24, again=again) for depth in (2, 4))
    config = load_config().changed({"activation_checkpointing": again})
    deep = build_model(config, made(NAME, depth=6), 1000)
    assert few + 2 * (more - few) == pytest.approx(activations(deep, 24), rel=0.02)


def test_the_table_has_a_row_per_backbone(tmp_path):
    main([str(tmp_path / "out.csv"), "--backbones", NAME, "--images", "8"])
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert int(row["float32"]) == 4 * int(row["parameters"])
    assert int(row["int8"]) < int(row["bf16"]) < int(row["float32"])
    assert int(row["recomputed"]) < int(row["activations"])
    assert set(BACKBONES) <= set(timm.list_models())
