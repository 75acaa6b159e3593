"""Every baseline declares which settings of a run decide its result, neither fewer nor more."""

import gc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lpt.baselines import BASELINES, COMMON_READS, baseline_names, train_baseline
from lpt.config import RunConfig
from lpt.data.manifest import Manifest

from ..baselines.tiny import Recorder, manifest
from ..baselines.trainings import Trainings

PHASE = {
    "epochs": 3,
    "batch_size": 5,
    "epoch_images": 9,
    "sampler": "square-root",
    "dual_sampler": "square-root",
    "eta": 0.9,
    "loss.name": "focal",
    "loss.options": {"scale": 7.0},
    "optim.name": "sgd",
    "short_epochs": ((0, 1),),
    "optim.lr": 0.2,
    "optim.classifier_lr": 0.3,
    "optim.key_lr": 0.4,
    "optim.adapter_lr": 0.6,
    "optim.scale_lr": True,
    "optim.momentum": 0.1,
    "optim.weight_decay": 0.7,
    "optim.warmup_epochs": 0.0,
    "optim.clip_norm": 1e-3,
    "optim.noise": 0.5,
    "optim.average": 0.9,
}

CHANGED: dict[str, Any] = {
    "recipe": "other",
    "backbone": "other",
    "image_size": 32,
    "data.check_content": True,
    "layer_norm_eps": 1e-3,
    "feature": "class+patches",
    "backbone_weights": "int8",
    "seed": 1,
    "data.source": "other",
    "data.val_fraction": 0.3,
    "data.test_fraction": 0.3,
    "data.group_by": "animal",
    "data.bad_images": "skip",
    "data.corrections": "other",
    "data.unlabelled": "other",
    "pseudo_labels.alpha": 0.7,
    "pseudo_labels.min_probability": 0.9,
    "data.max_pixels": 10**6,
    "data.max_val_images": 1,
    "data.many_above": 7,
    "data.few_below": 4,
    "data.workers": 0,  # as before: processes are slow to start, and tested elsewhere
    "data.start_method": "spawn",
    "augment.crop_scale": (0.8, 1.0),
    "augment.crop_growth": "linear",
    "augment.square_crops": True,
    "augment.flip": 0.0,
    "augment.mixup": 0.3,
    "augment.resize_rule": "short-side",
    "augment.resize_ratio": 1.3,
    "prompts.length": 3,
    "prompts.shared_blocks": 2,
    "prompts.pool_size": 3,
    "prompts.top_k": 1,
    "prompts.key_init": "normal",
    "prompts.group_init": "normal",
    "prompts.match": "auto",
    "adapters.width": 3,
    "adapters.scale": 0.7,
    "adapters.train_scale": True,
    "classifier.init": "uniform",
    "classifier.passes": "second",
    "classifier.init_images_per_class": 2,
    "classifier.mean_weight": 0.5,
    "classifier.dropout": 0.3,
    "text.source": "other",
    "text.templates": "other",
    "text.class_names": "other",
    "text.kappa": 3.0,
    **{f"phase1.{name}": value for name, value in PHASE.items()},
    **{f"phase2.{name}": value for name, value in PHASE.items()},
    "phase2.key_weight": 3.0,
    "phase2.weight_key_term": False,
    "phase2.instance_lambda_pos": 2.0,
    "phase2.instance_lambda_neg": 2.0,
    "phase2.cached_views": 3,
    "phase2.cache_dtype": "float32",
    "phase2.cache_limit_gb": 1e-6,
    "selection": "best",
    "precision": "bf16",
    "compile": "on",
    "micro_batch": 3,
    "activation_checkpointing": True,
    "checkpoint_seconds": 0.0,
}
"""Another value for every setting of a run."""

ROUNDING = ("micro_batch",)
"""Never declared: changes the order of floating-point sums only."""

SETTINGS = {"tau-norm": {"classifier_lr": 0.3}}
"""Norms of class weights must differ for tau to matter."""


def hard_data() -> Manifest:
    """Validation labels that do not follow from the images, so that no tau is right for all."""
    data = manifest(val=True)
    val = data.splits["val"]
    shifted = replace(val, labels=np.roll(val.labels, 3))
    return replace(data, splits={**data.splits, "val": shifted})


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    gc.freeze()
    yield Trainings(tmp_path_factory.mktemp("reads"), hard_data())
    gc.unfreeze()


def weights(trainings: Trainings, name: str, changes: Mapping[str, Any]) -> dict[str, Tensor]:
    run = {setting.replace(".", "__"): value for setting, value in changes.items()}
    own = trainings.new_context(Recorder(), **run)
    settings = trainings.settings(name, epochs=1, **SETTINGS.get(name, {}))
    return train_baseline(name, own, settings).stage.state_dict()


def plain_weights(trainings: Trainings, name: str) -> dict[str, Tensor]:
    """Those without changes, trained once."""
    return trainings.train(name, epochs=1, **SETTINGS.get(name, {})).stage.state_dict()


def equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[k].shape == other[k].shape and torch.equal(one[k], other[k]) for k in one
    )


def test_every_setting_of_a_run_is_covered():
    assert set(CHANGED) == set(leaves(RunConfig().model_dump()))


@pytest.mark.parametrize("name", baseline_names())
def test_settings_that_are_not_declared_change_nothing(name, trainings):
    baseline = BASELINES[name]
    undeclared = {
        setting: value
        for setting, value in CHANGED.items()
        if not baseline.depends_on(setting) and setting not in ROUNDING
    }
    assert undeclared
    plain = plain_weights(trainings, name)
    assert equal(plain, weights(trainings, name, undeclared))


ONE_OF_EACH = {BASELINES[name].reads: name for name in baseline_names()}
"""LPT with norms and with adapters share their declaration and the code that reads settings."""

DECLARED = [
    (name, read)
    for reads, name in ONE_OF_EACH.items()
    for read in reads
    if read not in COMMON_READS
]


@pytest.mark.parametrize(("name", "read"), DECLARED)
def test_declared_settings_can_change_the_result(name, read, trainings):
    plain = plain_weights(trainings, name)
    changes = (s for s in CHANGED if s == read or s.startswith(f"{read}."))
    assert any(not equal(plain, weights(trainings, name, {s: CHANGED[s]})) for s in changes)


COMMON = [
    ("seed", "seed"),
    ("augment", "augment.flip"),
    ("augment", "augment.resize_ratio"),
    ("classifier.init_images_per_class", "classifier.init_images_per_class"),
    ("classifier.dropout", "classifier.dropout"),
]


@pytest.mark.parametrize(("read", "setting"), COMMON)
def test_common_settings_can_change_the_result(read, setting, trainings):
    assert read in COMMON_READS
    plain = plain_weights(trainings, "norm")
    assert not equal(plain, weights(trainings, "norm", {setting: CHANGED[setting]}))
