"""What every rival promises, tested by being listed in the registry."""

import gc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lpt.backbones import hash_weights
from lpt.baselines import (
    BaselineSettings,
    Trained,
    baseline_names,
    baseline_settings,
    train_baseline,
)
from lpt.errors import ConfigError, RunError
from lpt.training.engine.optim import ROLES
from lpt.training.engine.stage import Progress
from lpt.training.run.training_context import TrainingContext

from ..baselines.tiny import COUNTS, Recorder, context
from ..tiny import Killed, backbone_of, write_backbone, write_photos

C, D, L, P, M = len(COUNTS), 16, 3, 2, 4
CLASSIFIER = C * D
NORMS = 2 * D * (2 * L + 1)
BLOCK_BIASES = 3 * D + D + 4 * D + D + 2 * D
ADAPTERS = L * (4 * D + 4 + 4 * D + D)
LPT = L * P * D + M * (L - L // 2) * P * D + M * D

OPTIONS: dict[str, dict[str, Any]] = {
    "vpt-shallow": {"prompt_length": P},
    "vpt-deep": {"prompt_length": P},
    "adapter": {"bottleneck": 4},
    "lift": {"bottleneck": 4},
    "lora": {"rank": 2},
    "pro-tuning": {"channels": 4, "kernel": 3},
    "lpt-adapter": {"bottleneck": 4},
    "paco": {"contrast_width": 8, "queue": 12},
}
"""Small."""

PARAMETERS: dict[str, Callable[[int], int]] = {
    "linear-probe": lambda _: 0,
    "full": lambda vit: vit,
    "norm": lambda _: NORMS,
    "bitfit": lambda _: L * BLOCK_BIASES + D + D,  # patch embedding, final norm
    "vpt-shallow": lambda _: P * D,
    "vpt-deep": lambda _: L * P * D,
    "adapter": lambda _: ADAPTERS,
    "lora": lambda _: L * 2 * (2 * D + 2 * D),
    "visual-prompt": lambda _: 3 * (16 * 16 - 12 * 12),
    "pro-tuning": lambda _: (L - 1) * (4 * D + 4 + 4 * 9 + 4 + 4 * D + D),
    "lpt-norm": lambda _: LPT + NORMS,
    "lpt-adapter": lambda _: LPT + ADAPTERS,
    "crt": lambda vit: vit,
    "tau-norm": lambda vit: vit,
    "paco": lambda vit: vit + D * D + D + 8 * D + 8,
    "gcl": lambda vit: vit,
    "lift": lambda _: ADAPTERS + L,  # a scale each
    "multitask": lambda vit: vit,
}
"""Of the backbone's parameters, by hand, without the classifier."""

WITH_VIEWS = {"linear-probe", "crt", "gcl"}
PROMPTED = {"vpt-shallow", "vpt-deep", "lpt-norm", "lpt-adapter"}
"""Prompts start at random, so that the first features are not the plain backbone's."""


class Ground:
    """One bench for all; trains the same rival only once."""

    def __init__(self, root: Path) -> None:
        self.backbone = backbone_of(write_backbone(root / "vit.safetensors"))
        self.context = self.bench_of(Recorder())
        self.other = str(write_photos(root / "other", {"cow": 6, "hen": 4}))
        self.train = cache(self._train)

    def bench_of(self, reporter: Recorder, **settings: Any) -> TrainingContext:
        """The same for every training, but for who is told."""
        small = {"prompts__length": P, "prompts__pool_size": M}
        own = context(self.backbone, **small, **settings)
        own.reporter = reporter
        return own

    def settings(self, name: str, **changes: Any) -> BaselineSettings:
        own = {"other": self.other} if name == "multitask" else OPTIONS.get(name, {})
        options = {**own, **changes.pop("options", {})}
        return baseline_settings(name, **{"batch_size": 8, "options": options, **changes})

    def _train(self, name: str, again: int = 0, **changes: Any) -> Trained:
        return train_baseline(name, self.context, self.settings(name, **changes))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    gc.freeze()  # every training collects garbage; what is loaded by now is none
    yield Ground(tmp_path_factory.mktemp("baselines"))
    gc.unfreeze()


@pytest.fixture(params=baseline_names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def some_images(number: int = 4) -> tuple[Tensor, Tensor]:
    images = torch.randn(number, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return images, torch.arange(number) % C


def test_training_changes_the_loss_and_everything_stays_finite(name, ground):
    ground.context.reporter.records.clear()
    trained = ground.train(name, epochs=2, init="uniform")
    losses = [record["loss"] for record in ground.context.reporter.records]
    assert losses
    assert torch.tensor(losses).isfinite().all()
    assert losses[0] != losses[1]
    assert all(p.isfinite().all() for p in trained.stage.parameters())
    assert trained.seconds > 0


def test_gradients_reach_exactly_what_is_said_to_learn(name, ground):
    stage = ground.train(name, epochs=0).stage.train()
    learning = [p for parameters in stage.param_groups().values() for p in parameters]
    assert set(stage.param_groups()) <= set(ROLES)
    assert {id(p) for p in learning} <= {id(p) for p in stage.parameters()}
    with torch.no_grad():
        for parameter in learning:  # what starts at zero hides what lies before it
            parameter.add_(0.05 * torch.randn(parameter.shape))
    images, labels = some_images(4 * len(stage.branches))
    step = stage.draw({"images": images}, labels)
    stage(step, Progress(0, 2)).total.backward()
    reached = {id(p) for p in stage.parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert reached == {id(p) for p in learning}


def test_the_given_backbone_is_bit_identical_after_training(name, ground):
    ground.train(name, epochs=2, init="uniform")
    assert (
        hash_weights(ground.context.backbone.model.state_dict())
        == ground.context.backbone.spec.sha256
    )
    assert not any(p.requires_grad for p in ground.context.backbone.parameters())


def test_the_first_features_are_the_plain_backbones(name, ground):
    images, _ = some_images()
    feature = ground.train(name, again=1, epochs=0).stage.predict(images).feature
    with torch.inference_mode():
        plain = ground.context.backbone(images)
    if name in PROMPTED:
        assert not torch.allclose(feature, plain, atol=1e-5)
    else:
        torch.testing.assert_close(feature, plain, atol=1e-5, rtol=1e-5)


def test_predictions_are_logits_of_every_class_without_gradient_or_chance(name, ground):
    trained = ground.train(name, epochs=2, init="uniform")
    images, _ = some_images()
    logits = trained.predict(images).logits
    assert logits.shape == (4, C)
    assert not logits.requires_grad
    assert torch.equal(trained.predict(images).logits, logits)
    alone = torch.cat([trained.predict(image.unsqueeze(0)).logits for image in images])
    torch.testing.assert_close(alone, logits, atol=1e-5, rtol=1e-4)


def test_the_same_seed_gives_the_same_weights(name, ground):
    one = ground.train(name, epochs=2, init="uniform").stage.state_dict()
    other = ground.train(name, again=2, epochs=2, init="uniform").stage.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


class Mortal(Recorder):
    """Dies in a step of training, after so many whole ones."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left, self.unit = left, ""

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        self.unit = unit

    def advance(self, units: int = 1, note: str = "") -> None:
        if self.unit == "steps":
            self.left -= units
        if self.left < 0:
            raise Killed


def test_a_training_killed_again_and_again_ends_with_the_same_weights(name, ground, tmp_path):
    settings = ground.settings(name, epochs=2, init="uniform")
    expected = ground.train(name, epochs=2, init="uniform")
    trained, kills = None, 0
    while trained is None:
        mortal = ground.bench_of(Mortal(left=3), checkpoint_seconds=0.0)
        try:
            trained = train_baseline(name, mortal, settings, tmp_path)
        except Killed:
            kills += 1
            assert kills < 20, "no progress from one kill to the next"
    assert kills >= 2
    found, wanted = trained.stage.state_dict(), expected.stage.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in found)
    assert trained.parameters == expected.parameters


def test_a_finished_training_is_taken_from_its_folder(name, ground, tmp_path):
    settings = ground.settings(name, epochs=1)
    first = train_baseline(name, ground.context, settings, tmp_path)
    ground.context.reporter.records.clear()
    again = train_baseline(name, ground.context, settings, tmp_path)
    assert not ground.context.reporter.records
    one, other = first.stage.state_dict(), again.stage.state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert again.seconds > 0


def test_a_checkpoint_of_another_rival_is_refused_by_name(ground, tmp_path):
    train_baseline("norm", ground.context, ground.settings("norm", epochs=1), tmp_path)
    with pytest.raises(RunError, match=r"stage-0\.safetensors: .* do not fit"):
        train_baseline("bitfit", ground.context, ground.settings("bitfit", epochs=1), tmp_path)


def test_what_learned_is_counted(name, ground):
    vit = sum(p.numel() for p in ground.context.backbone.parameters())
    found = ground.train(name, epochs=2, init="uniform").parameters
    assert found == PARAMETERS[name](vit) + CLASSIFIER


def test_class_means_are_offered_to_all(name, ground):
    images, _ = some_images()
    starts = [
        ground.train(name, again=1, epochs=0, init=i).predict(images)
        for i in ("class-means", "uniform")
    ]
    assert not torch.allclose(starts[0].logits, starts[1].logits, atol=1e-3)


def test_a_dropout_of_its_own_reaches_every_rival(name, ground):
    images, _ = some_images()
    none, half = (
        ground.train(name, again=2, epochs=1, dropout=dropout).predict(images).logits
        for dropout in (0.0, 0.5)
    )
    assert not torch.equal(none, half)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"epochs": "many"}, "epochs=many: choose a whole number"),
        ({"batch_size": 2.5}, r"batch_size=2\.5: choose a whole number"),
        ({"cached_views": -1}, "cached_views=-1"),
        ({"lr": "fast"}, "lr=fast: choose a number above 0"),
        ({"lr": 0}, "lr=0"),
        ({"weight_decay": -1}, "weight_decay=-1"),
        ({"dropout": 1}, "dropout=1: choose a number from 0 to below 1"),
        ({"options": 5}, r"options=5: write options\.NAME=VALUE"),
        ({"tta": "yes"}, "tta=yes"),
        ({"sampler": "random"}, "sampler=random: choose one of"),
        ({"loss": "l2"}, "loss=l2: choose one of"),
        ({"init": "zeros"}, "init=zeros: choose one of"),
    ],
)
def test_settings_out_of_range_are_refused(change, told):
    with pytest.raises(ConfigError, match=f"^{told}"):
        BaselineSettings(**change)


def test_the_ensemble_is_offered_to_all(name, ground):
    images, _ = some_images()
    trained = train_baseline(name, ground.context, ground.settings(name, epochs=0, tta=True))
    assert trained.predict(images).logits.shape == (4, C)
    once = trained.stage.predict(images).logits
    assert not torch.allclose(trained.predict(images).logits, once, atol=1e-4)


def test_an_unknown_option_is_refused_with_those_there_are(name, ground):
    with pytest.raises(ConfigError, match=f"rival {name}, option surplus: unknown"):
        ground.settings(name, options={"surplus": 1})


def test_settings_are_written_out_and_come_back(name, ground):
    settings = ground.settings(name)
    assert settings.lr is not None
    assert baseline_settings(name, **vars(settings)) == settings


def test_views_are_refused_where_nothing_is_fixed(name, ground):
    if name in WITH_VIEWS:
        return
    with pytest.raises(ConfigError, match="Set cached_views=0"):
        train_baseline(name, ground.context, ground.settings(name, cached_views=2))
