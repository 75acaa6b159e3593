"""A baseline of another package: described, registered, trained, removed."""

from collections.abc import Iterator

import pytest
import torch

from lpt.baselines import (
    BASELINES,
    Baseline,
    TunedViT,
    baseline_names,
    baseline_reads,
    baseline_settings,
    register_baseline,
    train_baseline,
)
from lpt.config.sections import Count, Section
from lpt.errors import ConfigError

from .tiny import context

# The example: everything that a package with a baseline of its own writes.


class LastNormOptions(Section):
    """How many of the last blocks are tuned."""

    blocks: Count = 1


def last_norms(vit, options):
    """A copy of the backbone in which only the LayerNorms of the last blocks are trained."""

    def change(copy):
        return [p for block in copy.blocks[-options.blocks :] for p in block.norm2.parameters()]

    return TunedViT(vit, change)


LAST_NORM = Baseline.of_encoder(last_norms, {"lr": 1e-2}, LastNormOptions)


@pytest.fixture
def registered() -> Iterator[None]:
    register_baseline("last-norm", LAST_NORM)
    yield
    BASELINES.unregister("last-norm")
    assert "last-norm" not in baseline_names()


@pytest.mark.usefixtures("registered")
def test_a_registered_baseline_is_trained_by_its_name(backbone):
    settings = baseline_settings("last-norm", epochs=1, batch_size=8, options={"blocks": 2})
    trained = train_baseline("last-norm", context(backbone), settings)
    assert trained.parameters == 2 * 2 * 16 + 4 * 16
    tuned = trained.stage.encoder.vit.blocks
    changed = [
        not torch.equal(own.norm2.weight, plain.norm2.weight)
        for own, plain in zip(tuned, backbone.blocks, strict=True)
    ]
    assert changed == [False, True, True]


@pytest.mark.usefixtures("registered")
def test_a_registered_baseline_has_checked_settings_and_options():
    assert baseline_settings("last-norm").options == {"blocks": 1}
    with pytest.raises(ConfigError, match="baseline last-norm: option blocks=0"):
        baseline_settings("last-norm", options={"blocks": 0})


@pytest.mark.usefixtures("registered")
def test_a_name_can_be_replaced_only_on_request():
    with pytest.raises(ConfigError, match="'last-norm' exists already"):
        register_baseline("last-norm", LAST_NORM)
    register_baseline("last-norm", LAST_NORM, replace=True)
    with pytest.raises(ConfigError, match="'norm' exists already"):
        register_baseline("norm", LAST_NORM, replace=True)


def train(trainer):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("baseline", "problem"),
    [
        (Baseline(train, {}), "its defaults lack a learning rate"),
        (Baseline(train, {"lr": -1.0}), "lr=-1.0: must be more than 0"),
        (Baseline(train, {"lr": 1.0, "epoch": 3}), "epoch: unknown"),
        (Baseline(train, {"lr": 1.0}, reads=("phase1.epoch",)), "reads 'phase1.epoch'"),
        (Baseline(train, {"lr": 1.0, "options": {"blocks": 1}}), "option blocks: unknown"),
    ],
)
def test_an_incomplete_description_is_refused(baseline, problem):
    with pytest.raises(ConfigError, match=f"baseline own: .*{problem}"):
        register_baseline("own", baseline)
    assert "own" not in baseline_names()


def test_without_a_declaration_every_section_of_a_run_is_read():
    baseline = Baseline(train, {"lr": 1.0})
    assert {"data", "augment", "prompts", "classifier", "phase1", "phase2"} <= set(baseline.reads)
    assert not {"recipe", "checkpoint_seconds", "micro_batch"} & set(baseline.reads)
    assert set(LAST_NORM.reads) < {*baseline.reads, *baseline_reads("norm")}
