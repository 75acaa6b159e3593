"""A run that starts at text, on a tiny CLIP whose text features are planted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import lpt
from lpt.backbones import load_backbone
from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.errors import BackboneError, RunError
from lpt.files.tensor_files import tensor_bytes
from lpt.progress import SilentReporter
from lpt.task import Task
from lpt.task.run_result import Result
from lpt.training.phases import text_start
from lpt.training.run.training_context import TrainingContext

from ... import tiny
from ...backbones.text.tiny_clip import plant, save, tiny_clip
from ...tiny import config

COLOURS = {
    "ant": (200, 30, 30),
    "bee": (30, 200, 30),
    "cat": (30, 30, 200),
    "dog": (220, 220, 90),
}
COUNTS = {"ant": 12, "bee": 8, "cat": 4, "dog": 1}
NAMES = {"ant": "red thing", "bee": "green thing", "cat": "blue thing", "dog": "yellow thing"}
TEMPLATES = ("a photo of a {}.", "the {}")
UNTRAINED = {"phase1__epochs": 0, "phase2__epochs": 0, "data__workers": 0}


def photo(name: str, noise: np.random.Generator) -> Image.Image:
    pixels = np.array(COLOURS[name]) + noise.integers(-8, 9, (18, 18, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Test images show the colour of their class. The training image of the dog shows a cat."""
    root, noise = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, count in COUNTS.items():
        for split, number in (("train", count), ("test", 5)):
            folder = root / split / name
            folder.mkdir(parents=True)
            shown = "cat" if (name, split) == ("dog", "train") else name
            for i in range(number):
                photo(shown, noise).save(folder / f"{i}.png")
    rows = "".join(f"{name},{readable}\n" for name, readable in NAMES.items())
    (root / "classnames.csv").write_text(f"class,name\n{rows}")
    (root / "templates.txt").write_text("\n".join(TEMPLATES))
    return root


@pytest.fixture(scope="module")
def clip(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP in whose joint space the prompts of a class are the mean of its test images."""
    folder, model = tmp_path_factory.mktemp("clip"), tiny_clip()
    backbone = load_backbone(str(save(model, folder)))
    context = TrainingContext(
        config(photos, data__workers=0), SilentReporter(), device="cpu", backbone=backbone
    )
    split = context.data.split("test")
    loader = make_loader(
        ImageDataset(split, context.eval_transform), EvalBatches(len(split), 64), workers=0
    )
    with torch.no_grad():
        parts = [(backbone(b.images) @ model.visual.proj, b.labels) for b in loader]
    joint, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    means = torch.stack([F.normalize(joint[labels == c], dim=1).mean(0) for c in range(4)])
    prompts = [t.replace("{}", name) for name in NAMES.values() for t in TEMPLATES]
    plant(model, prompts, F.normalize(means, dim=1).repeat_interleave(len(TEMPLATES), 0))
    return save(model, folder)


def train(photos: Path, clip: Path, out: Path, **settings: Any) -> tuple[Task, Result]:
    """Train nothing, from the command line's settings on: the start is the result."""
    text = {"classifier__init": "text", "text__templates": str(photos / "templates.txt")}
    own = config(photos, **{**UNTRAINED, **text, "backbone": str(clip), **settings})
    return tiny.train(own, out, tiny.backbone_of(clip))


class Messages(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines += text.split("\n")


def recall(task: Task, photos: Path, name: str) -> float:
    files = sorted((photos / "test" / name).glob("*.png"))
    found = task.predict(files)
    return sum(one.labels[0] == name for one in found) / len(files)


def test_zero_shot_is_right_and_the_rare_class_starts_right(
    photos: Path, clip: Path, tmp_path: Path
) -> None:
    """By the Python interface; class means take the dog for a cat."""
    reporter = Messages()
    settings = {"phase1.epochs": 0, "phase2.epochs": 0, "data.workers": 0}
    task = lpt.train(
        photos,
        backbone=clip,
        class_init="text",
        templates=photos / "templates.txt",
        out=tmp_path / "text",
        settings=settings,
        reporter=reporter,
        device="cpu",
    )
    assert task.result is not None
    assert next(iter(task.result.metrics)) == "zero-shot"
    assert task.result.metrics["zero-shot"]["test"]["overall"] == 1.0
    assert task.result.metrics["phase1"]["test"]["overall"] == 1.0
    assert recall(task, photos, "dog") == 1.0
    means, result = train(photos, clip, tmp_path / "means", classifier__init="class-means")
    assert "zero-shot" not in result.metrics
    assert recall(means, photos, "dog") < 0.5

    lines = [line for line in reporter.lines if line.startswith(("text", "zero-shot", "note"))]
    assert "4 classes by 2 templates" in lines[0]
    assert lines[0].endswith(f"names from {photos / 'classnames.csv'}")
    (scores,) = [line for line in lines if line.startswith("zero-shot  val")]
    assert "overall 100.0" in scores
    stored = json.loads((tmp_path / "text/results.json").read_text())
    assert stored["metrics"]["zero-shot"]["test"]["overall"] == 1.0


def test_neither_scoring_again_nor_the_task_needs_the_text_tower(
    photos: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, result = train(photos, clip, tmp_path / "run")
    monkeypatch.setattr(text_start, "TextTower", None)
    _, again = train(photos, clip, tmp_path / "run")
    assert again.metrics == result.metrics
    assert recall(lpt.load(tmp_path / "run", device="cpu", backbone=str(clip)), photos, "dog") == 1

    (tmp_path / "run/checkpoints/last.safetensors").unlink()  # killed before the first one
    other, _ = train(photos, clip, tmp_path / "run")
    assert torch.equal(other.model.classifier.weight, task.model.classifier.weight)

    (tmp_path / "run/class_text.safetensors").unlink()
    _, without = train(photos, clip, tmp_path / "run")
    assert "zero-shot" not in without.metrics


def test_damaged_features_and_those_of_other_data_are_refused(
    photos: Path, clip: Path, tmp_path: Path
) -> None:
    train(photos, clip, tmp_path / "run")
    file = tmp_path / "run/class_text.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-8])
    with pytest.raises(RunError, match=r"class_text\.safetensors"):
        train(photos, clip, tmp_path / "run")
    file.write_bytes(tensor_bytes({"features": torch.zeros(3, 12)}, {}))
    with pytest.raises(RunError, match="does not fit the data"):
        train(photos, clip, tmp_path / "run")


def test_the_mix_follows_kappa(photos: Path, clip: Path, tmp_path: Path) -> None:
    """With kappa 0, every class has images, so the start is that of class means."""
    text, _ = train(photos, clip, tmp_path / "text", text__kappa=0.0)
    means, _ = train(photos, clip, tmp_path / "means", classifier__init="class-means")
    torch.testing.assert_close(
        text.model.classifier.weight, means.model.classifier.weight, atol=1e-5, rtol=0
    )


def test_another_backbone_is_refused_before_the_run_folder_is_made(
    photos: Path, clip: Path, tmp_path: Path
) -> None:
    def start(**settings: Any) -> None:
        lpt.train(photos, class_init="text", settings=settings, out=tmp_path / "run", device="cpu")

    with pytest.raises(BackboneError, match="its image tower is not"):
        start(**{"text.source": str(clip)})
    with pytest.raises(BackboneError, match="no text tower of this backbone is known"):
        start()
    assert not (tmp_path / "run").exists()


def test_names_that_are_missing_are_noted(photos: Path, clip: Path, tmp_path: Path) -> None:
    some = tmp_path / "some.csv"
    some.write_text("class,name\nant,red thing\nbee,green thing\ncat,blue thing\n")
    own = config(photos, classifier__init="text", text__class_names=str(some), backbone=str(clip))
    reporter = Messages()
    context = TrainingContext(own, reporter, device="cpu", backbone=tiny.backbone_of(clip))
    text_start.text_of_classes(context)
    assert "note      no readable name, so that of the folder is used: dog" in reporter.lines
