"""The key of a run changes exactly when a setting changes that its method reads."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lpt.baselines import BASELINES, baseline_names, baseline_settings
from lpt.config import load_config
from lpt.progress import SilentReporter
from lpt.studies.define.definition import OWN_METHODS, Row
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.method_reads import settings_read
from lpt.studies.plan.plan_runs import Line, StudyRun, plan_run
from lpt.studies.plan.run_facts import (
    BASELINE_FACTS,
    RUN_FACTS,
    RUN_SETTINGS_ELSEWHERE,
    RUN_SETTINGS_WITHOUT_EFFECT,
)
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.evaluate_run import observe
from lpt.studies.run.train_run import train_run

from ..baselines.trainings import OPTIONS
from ..studies.conftest import QUICK as SMALL
from ..tiny import write_backbone, write_photos
from .test_baseline_reads import CHANGED

OTHER = {**CHANGED, "data.many_above": 50}  # each is valid without the others

PHASE_1_ONLY = {"phase2.epochs": 0}
JOINT_OPTIM = {f"phase1.optim.{name}" for name in (
    "name", "lr", "classifier_lr", "adapter_lr", "scale_lr", "momentum", "weight_decay",
    "warmup_epochs", "clip_norm", "noise", "average",
)}  # fmt: skip
SCORING = {
    "image_size", "layer_norm_eps", "feature", "backbone_weights", "data.many_above",
    "data.few_below", "augment.resize_rule", "augment.resize_ratio",
}  # fmt: skip

BASELINE_CHANGED: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 5,
    "lr": 0.5,
    "classifier_lr": 0.6,
    "weight_decay": 0.7,
    "sampler": "square-root",
    "loss": "focal",
    "loss_options": {"scale": 7.0},
    "init": "uniform",
    "mean_weight": 0.25,
    "dropout": 0.35,
    "noise": 0.3,
    "average": 0.9,
    "cached_views": 3,
    "tta": True,
}
"""Another value for every common setting of baselines."""

QUICK = {**SMALL, "phase1.epochs": 1, "phase2.epochs": 1, "classifier.dropout": 0.1}


def sections(*names: str) -> set[str]:
    """The settings of these sections."""
    return {name for name in RUN_FACTS if name.startswith(tuple(f"{n}." for n in names))}


def expected_reads(method: str, phase_1_only: bool = False) -> set[str]:
    """What a method reads, stated once more from its definition in the paper."""
    trained = SCORING | sections("adapters", "augment", "classifier", "text")
    trained |= {"compile"}
    if method == "plain":
        return SCORING | {"classifier.init_images_per_class"}
    if method == "joint":  # phase 1's optimiser, except that keys have their own learning rate
        phase2 = sections("phase2") - sections("phase2.optim") - {"phase2.cached_views"}
        return trained | sections("prompts") | phase2 | JOINT_OPTIM | {"phase2.optim.key_lr"}
    if phase_1_only:
        return (trained - {"classifier.passes"}) | sections("phase1") | {"prompts.length"}
    if method in OWN_METHODS:
        return set(RUN_FACTS)
    return SCORING | {name for name in RUN_FACTS if BASELINES[method].depends_on(name)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    write_backbone(folder / "vit.safetensors")
    write_photos(folder / "photos")
    write_photos(folder / OTHER["data.unlabelled"])
    return folder


@pytest.fixture(autouse=True)
def _beside_the_photos(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


@pytest.fixture(scope="module")
def study_data(root: Path) -> StudyData:
    config = load_config("default").changed({"data.source": str(root / "photos")})
    return StudyData(config, SilentReporter(), device="cpu")


@pytest.fixture
def plan(root: Path, study_data: StudyData):
    def planned(method: str, settings: dict[str, Any], row: dict[str, Any] | None = None):
        line = Line(Row(label="x", method=method, set=row or {}), str(root / "vit.safetensors"), "")
        overrides = Overrides(settings=settings, other="x" if method == "multitask" else None)
        lr = LearningRate(1.0)
        return plan_run(line, overrides, study_data, lr=lr, seed=0, part="final")

    return planned


def changing(plan, method: str, row: dict[str, Any] | None = None) -> Iterator[str]:
    """The settings whose change gives another key."""
    before = plan(method, {}, row).name
    for name in (*RUN_FACTS, *RUN_SETTINGS_WITHOUT_EFFECT):
        if name in ("recipe", "selection"):  # a study refuses them
            continue
        if name == "data.unlabelled" and row == PHASE_1_ONLY:  # refused: phase 2 trains on them
            continue
        if plan(method, {name: OTHER[name]}, row).name != before:
            yield name


@pytest.mark.parametrize("method", [*OWN_METHODS, *baseline_names()])
def test_the_key_changes_exactly_with_what_a_method_reads(method, plan):
    assert set(changing(plan, method)) == expected_reads(method)


def test_the_key_of_phase_1_does_not_change_with_phase_2(plan):
    found = set(changing(plan, "lpt", PHASE_1_ONLY))
    assert found == expected_reads("lpt", phase_1_only=True)


@pytest.mark.parametrize("method", [*OWN_METHODS, *baseline_names()])
def test_settings_of_baselines_change_the_keys_of_baselines_only(method, plan):
    assert {*BASELINE_CHANGED, "options"} == set(BASELINE_FACTS)
    before = plan(method, {}).name
    own = method in OWN_METHODS
    changed = dict(BASELINE_CHANGED)
    if not own:
        default = baseline_settings(method)
        changed["tta"] = not default.tta
        changed["init"] = "uniform" if default.init != "uniform" else "class-means"
        changed |= {f"options.{name}": value for name, value in OPTIONS.get(method, {}).items()}
    for name, value in changed.items():
        assert (plan(method, {f"baseline.{name}": value}).name == before) == own, name


@pytest.mark.parametrize("method", [*OWN_METHODS, *baseline_names()])
def test_a_method_cannot_see_settings_that_are_not_in_its_key(method, plan):
    """So a setting that is missing in a declaration has no effect, instead of a wrong result."""
    changes = {name: OTHER[name] for name in RUN_FACTS if "epochs" not in name}
    run = plan(method, {**changes, "augment.mixup": 0.0, "augment.crop_growth": "none"})
    read = settings_read(method, run.config)
    tree = run.config
    for name, fact in RUN_FACTS.items():
        if name not in read:
            value = tree
            for part in name.split("."):
                value = getattr(value, part)
            assert value == fact.omitted, name


def trained(run: StudyRun, study_data: StudyData, folder: Path) -> np.ndarray:
    """(n, C) logits for the test images."""
    context = study_data.context(run.config, "final", SilentReporter())
    model = train_run(run, context, folder, None)
    return observe(context, model.predict, study_data.test, "test").predictions.logits


@pytest.mark.parametrize(("method", "row"), [("plain", {}), ("lpt", PHASE_1_ONLY), ("joint", {})])
def test_settings_that_are_not_read_change_no_bit(method, row, plan, study_data, tmp_path):
    run = plan(method, QUICK, row)
    unread = RUN_FACTS.keys() - settings_read(method, run.config)
    without_effect = RUN_SETTINGS_WITHOUT_EFFECT.keys() - {"micro_batch"}  # rounding differs
    changes = {name: OTHER[name] for name in (*unread, *without_effect)}
    if "augment.mixup" in changes:
        del changes["phase2.cached_views"]  # exclude each other
    if not run.config.phase2.epochs:
        changes.pop("data.unlabelled", None)  # refused
    other = replace(run, config=run.config.changed(changes))
    one = trained(run, study_data, tmp_path / "one")
    assert np.array_equal(one, trained(other, study_data, tmp_path / "other"))


@pytest.mark.parametrize(
    ("method", "row", "setting"),
    [
        ("plain", {}, "augment.resize_ratio"),
        ("lpt", PHASE_1_ONLY, "phase1.optim.lr"),
        ("joint", {}, "phase2.optim.key_lr"),
    ],
)
def test_settings_that_are_read_change_the_result(method, row, setting, plan, study_data, tmp_path):
    run, other = plan(method, QUICK, row), plan(method, {**QUICK, setting: OTHER[setting]}, row)
    one = trained(run, study_data, tmp_path / "one")
    assert not np.array_equal(one, trained(other, study_data, tmp_path / "other"))


def test_settings_identified_elsewhere_are_those_of_images_backbone_seed_and_precision():
    assert {name.partition(".")[0] for name in RUN_SETTINGS_ELSEWHERE} == {
        "backbone", "seed", "precision", "data",
    }  # fmt: skip
