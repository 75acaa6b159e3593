"""A task on a backbone of every family: both phases, its file, and another backbone refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import lpt
from lpt.backbones import BACKBONES, FrozenViT, load_backbone
from lpt.errors import LptError
from lpt.task import Task
from lpt.task_file import save_task

from ..test_task_file import model_for, spec_for
from .tiny_families import KINDS, eva

FAMILIES = [
    "DINOv3",
    "EVA-02 base",
    "PE-Core",
    "attention pool (SigLIP)",
    "mean of patches",
    "BEiT",
]
CASES = [
    *((family, "auto") for family in FAMILIES),
    ("registers with positions", "class+patches"),
    ("DINOv3", "class+patches"),
]


@pytest.fixture(params=CASES, ids=" ".join)
def backbone(request: pytest.FixtureRequest) -> Iterator[FrozenViT]:
    family, feature = request.param
    lpt.register_backbone("tiny-family", KINDS[family])
    yield load_backbone("tiny-family", feature=feature)
    BACKBONES.unregister("tiny-family")


def pixels() -> torch.Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def test_a_file_of_a_task_gives_the_same_predictions(backbone: FrozenViT, tmp_path: Path):
    spec = spec_for(backbone, adapter_width=2)
    task = Task(model_for(backbone, spec), spec)
    path = tmp_path / "task.safetensors"
    save_task(path, task.model, spec)
    again = lpt.load(path, device="cpu")
    expected = task.model.predict(pixels())
    found = again.model.predict(pixels())
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.feature, expected.feature)
    assert (found.feature - found.query).abs().max() > 1e-4


def test_another_backbone_is_refused(backbone: FrozenViT, tmp_path: Path):
    spec = spec_for(backbone)
    path = tmp_path / "task.safetensors"
    save_task(path, model_for(backbone, spec), spec)
    lpt.register_backbone("tiny-family", lambda: eva(global_pool="token"), replace=True)
    with pytest.raises(LptError, match="tiny-family"):
        lpt.load(path, device="cpu")


def test_cached_prompts_predict_as_those_in_training(backbone: FrozenViT):
    spec = spec_for(backbone)
    model = model_for(backbone, spec)
    fresh, cached = model(pixels()), model.predict(pixels())
    torch.testing.assert_close(cached.logits, fresh.logits, atol=1e-5, rtol=0)
    assert torch.equal(cached.match.ids, fresh.match.ids)
