"""The speed of an export is a ratio to lpt on the same backbone."""

from pathlib import Path

import pytest

from lpt.bench.export_speed import export_speed, render_export
from lpt.errors import ConfigError, ParameterError
from lpt.export import export_task

GOLDEN = Path(__file__).parents[1] / "golden" / "v0_1"


def test_an_export_is_measured_next_to_lpt_and_a_run_is_refused(tmp_path):
    path = export_task(GOLDEN / "run", tmp_path / "digits.onnx").path
    found = export_speed(path, batch=1, repeats=2)
    assert found["speedup"] > 0
    assert found["backbone"] == "vit_tiny_patch8_64"
    assert "times lpt in float32" in render_export(found)
    with pytest.raises(ParameterError, match="is no export"):
        export_speed(GOLDEN / "run")


def test_lpt_is_compared_in_the_precision_that_is_asked_for(tmp_path):
    path = export_task(GOLDEN / "run", tmp_path / "digits.onnx").path
    with pytest.raises(ConfigError, match="no bf16 instructions"):  # as everywhere in tests
        export_speed(path, batch=1, repeats=1, precision="bf16")
    result = {
        "export": "t.onnx",
        "dtype": "int8",
        "speedup": 2.0,
        "precision": "bf16",
        "images_per_second": {"export": 10.0, "lpt": 5.0},
        "backbone": "vit_tiny_patch8_64",
        "batch": 1,
        "threads": 1,
    }
    assert "2.00 times lpt in bf16 on vit_tiny_patch8_64" in render_export(result)


def test_without_the_backbone_only_the_export_is_measured():
    result = {
        "export": "t.onnx",
        "dtype": "int8",
        "speedup": None,
        "images_per_second": {"export": 10.0},
        "batch": 1,
        "threads": 1,
    }
    assert "--backbone NAME" in render_export(result)
