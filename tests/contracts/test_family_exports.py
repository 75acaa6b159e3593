"""A task on a backbone of every family in ONNX: the same logits, or a refusal with the reason.

One of each form of block and feature runs in `make check`; the rest are slow.
"""

from pathlib import Path

import pytest
import torch

import lpt
from lpt.backbones import BACKBONES, load_backbone
from lpt.backbones.checks.support import support_of
from lpt.backbones.towers.feature_name import FeatureName
from lpt.errors import BackboneError
from lpt.export.check_images import CheckImages
from lpt.export.write_graph import checked_graph
from lpt.task import Task

from ..test_task_file import model_for, spec_for
from .tiny_families import KINDS

REFUSED = {"fewer heads for keys (Sapiens2)": "fewer heads for keys"}
QUICK = (
    "attention pool (SigLIP)",
    "EVA-02 base",
    "DINOv3",
    "PE-Core",
    "BEiT, class token",
    *REFUSED,
)


def exported(kind: str, folder: Path, feature: FeatureName = "own") -> float:
    """Export a task of both phases with adapters; return the largest error of a logit."""
    lpt.register_backbone("tiny-family", KINDS[kind])
    try:
        backbone = load_backbone("tiny-family", feature=feature)
    finally:
        BACKBONES.unregister("tiny-family")
    offered = "onnx" in support_of(backbone).exports
    assert offered == (kind not in REFUSED)
    spec = spec_for(backbone, adapter_width=2)
    task = Task(model_for(backbone, spec), spec)
    side = backbone.spec.image_size
    images = torch.randn(70, 3, side, side, generator=torch.Generator().manual_seed(3))
    noise = CheckImages(images, None)
    made = checked_graph(task, noise, folder / "task.onnx", dtype="float32")
    assert made.parity.same_matches > 0.98
    return made.parity.logit_error


@pytest.mark.parametrize(
    "kind", [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in KINDS]
)
def test_an_export_has_the_logits_of_the_task(kind: str, tmp_path: Path) -> None:
    if kind in REFUSED:
        with pytest.raises(BackboneError, match=REFUSED[kind]):
            exported(kind, tmp_path)
    else:
        assert exported(kind, tmp_path) < 2e-5


def test_class_token_and_patches_together_have_the_logits_of_the_task(tmp_path: Path) -> None:
    assert exported("DINOv3", tmp_path, "class+patches") < 2e-5
