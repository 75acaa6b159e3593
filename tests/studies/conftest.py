"""A tiny study: four classes of noise, a ViT of width 16, one epoch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lpt.config import load_config
from lpt.progress import SilentReporter
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run_study import Request

from ..tiny import write_backbone, write_photos

QUICK = {
    "phase1.batch_size": 8,
    "phase2.batch_size": 8,
    "phase1.epoch_images": 16,
    "phase2.epoch_images": 16,
    "prompts.length": 2,
    "prompts.pool_size": 4,
    "phase2.cached_views": 1,
    "checkpoint_seconds": 0,
    "baseline.batch_size": 8,
    "precision": "float32",
}

Ask = Callable[..., Request]


@pytest.fixture(scope="session")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="session")
def study_data(photos: Path) -> StudyData:
    config = load_config("default").changed({"data.source": str(photos)})
    return StudyData(config, SilentReporter(), device="cpu")


@pytest.fixture
def ask(vit: Path, photos: Path, tmp_path: Path) -> Ask:
    """A request for one seed and one epoch at the default learning learning rates."""

    def asked(name: str, *only: str, **changes: Any) -> Request:
        own: dict[str, Any] = {
            "data": str(photos),
            "out": tmp_path / "out",
            "backbones": (str(vit),),
            "seeds": 1,
            "lrs": (LearningRate(1.0),),
            "overrides": Overrides(epochs=1, settings=QUICK),
            "only": only,
            "device": "cpu",
        }
        return Request(name, **{**own, **changes})

    return asked
