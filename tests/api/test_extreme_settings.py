"""No number of a setting, however extreme, ends the preparation of a run in anything but an error.

Preparing a run builds the model, and times training steps of both phases.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import lpt
from lpt.backbones import FrozenViT
from lpt.data.manifest import Manifest
from lpt.errors import LptError
from lpt.progress import SilentReporter
from lpt.training.run.run_data import open_configured
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

from ..config.test_ranges import EXTREMES, RUN
from ..tiny import backbone_of, config, train, write_backbone, write_photos

pytestmark = pytest.mark.slow

SLOW = {"phase1.batch_size", "phase2.batch_size", "image_size"}
"""Their largest values only take long: they are left to tests of the memory needed."""

SMALL = {"phase1.batch_size": 2, "phase2.batch_size": 2, "phase2.cached_views": 0}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "photos", {"ant": 4, "bee": 3})


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> FrozenViT:
    return backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


@pytest.fixture(scope="module")
def data(photos: Path) -> Manifest:
    return open_configured(config(photos), reporter=SilentReporter())


def edges(name: str) -> Iterator[float]:
    """The values tried for a setting: those of all, and its own bounds."""
    yield from EXTREMES
    if name in SLOW:
        return
    for constraint in RUN[name]:
        for kind in ("ge", "le", "gt", "lt"):
            value = getattr(constraint, kind, None)
            if value is not None:
                yield value if kind in ("ge", "le") else math.nextafter(value, 0.5 + (value == 0))


@pytest.mark.parametrize("name", RUN)
def test_an_accepted_number_prepares_a_run_or_is_refused(name, photos, backbone, data, tmp_path):
    reads_data = name.startswith("data.") or name in ("seed", "image_size", "layer_norm_eps")
    said = ""
    for value in dict.fromkeys(edges(name)):
        try:
            changed = config(photos).changed({**SMALL, name: value})
            context = TrainingContext(
                changed,
                SilentReporter(),
                device="cpu",
                backbone=None if name.startswith(("image", "layer")) else backbone,
                data=None if reads_data else data,
            )
            Trainer(context, RunFolder(tmp_path / "run")).fit_budget(None)
        except LptError as error:
            said = str(error)
        assert len(said) < 800


@pytest.mark.parametrize("seed", [0, 2**31, 2**32 - 1])
def test_the_edges_of_the_seeds_train_to_the_end(seed, photos, backbone, tmp_path):
    own = config(photos, seed=seed, phase1__epochs=1, phase2__epochs=1)
    task, _ = train(own, tmp_path / "run", backbone)
    assert len(task.class_names) == 2


def test_a_larger_seed_is_refused_before_anything_is_written(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (2**32, 2**63, -1):
        with pytest.raises(LptError, match=r"seed .*: give a whole number of 0 to 4,294,967,295"):
            lpt.train(photos, out="run", seed=seed)
        with pytest.raises(LptError, match=r"seed=.*: must be at"):
            lpt.train(photos, out="run", settings={"seed": seed})
    assert list(tmp_path.iterdir()) == []
