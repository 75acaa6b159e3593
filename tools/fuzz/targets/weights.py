"""Task files, checkpoints, weights of backbones and config.json."""

import random
import shutil
from pathlib import Path

import torch
from tools.fuzz.mutations import damaged_text, safetensors_header
from tools.fuzz.samples import backbone_file, picture, run_folder

from lpt.backbones import FrozenViT, load_backbone
from lpt.task import Task
from lpt.training.run.run_folder import RunFolder

__all__ = ["Backbones", "Checkpoints", "ModelConfigs", "TaskFiles"]

CONFIG = {
    "architecture": "vit_tiny_patch16_224",
    "num_classes": 0,
    "model_args": {
        "img_size": 16,
        "patch_size": 8,
        "embed_dim": 16,
        "depth": 2,
        "num_heads": 2,
    },
    "pretrained_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "input_size": [3, 16, 16],
    },
}


class TaskFiles:
    """A task file with damage to header, metadata and tensors, loaded with a given backbone."""

    name = "tasks"
    _backbone: FrozenViT | None = None

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write a task file and a picture."""
        data = (run_folder() / "task.safetensors").read_bytes()
        (folder / "task.safetensors").write_bytes(safetensors_header(rng, data))
        (folder / "picture.png").write_bytes(picture(0))

    def load(self, folder: Path) -> None:
        """Load the task and predict; probabilities must be finite."""
        if self._backbone is None:
            self._backbone = load_backbone(str(backbone_file()), feature="auto")
        task = Task.load(folder / "task.safetensors", self._backbone, "cpu")
        (prediction,) = task.predict([folder / "picture.png"])
        assert all(0 <= p <= 1 for p in prediction.probabilities), "a probability is not finite"


class Checkpoints:
    """The last checkpoint of a run, with damage."""

    name = "checkpoints"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write a run folder."""
        shutil.copytree(run_folder(), folder / "run")
        last = folder / "run" / "checkpoints" / "last.safetensors"
        last.write_bytes(safetensors_header(rng, last.read_bytes()))

    def load(self, folder: Path) -> None:
        """Read the checkpoint as a resumed run does."""
        run = RunFolder(folder / "run")
        run.open()
        try:
            run.checkpoint({"phase1": 1, "phase2": 1})
        finally:
            run.release()


class Backbones:
    """Weights of a ViT, with damage."""

    name = "backbones"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write a weight file."""
        data = backbone_file().read_bytes()
        (folder / "vit.safetensors").write_bytes(safetensors_header(rng, data))

    def load(self, folder: Path) -> None:
        """Load the backbone and run it."""
        vit = load_backbone(str(folder / "vit.safetensors"))
        size = vit.spec.image_size
        with torch.inference_mode():
            vit(torch.zeros(1, 3, size, size))


class ModelConfigs:
    """Folders of weights with a damaged config.json."""

    name = "model-configs"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write a folder of weights."""
        (folder / "config.json").write_text(damaged_text(rng, CONFIG))
        shutil.copyfile(backbone_file(), folder / "model.safetensors")

    def load(self, folder: Path) -> None:
        """Load the backbone."""
        load_backbone(str(folder))
