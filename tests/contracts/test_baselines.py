"""The contract of every baseline, tested for all that are registered."""

import gc
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from lpt.backbones import hash_weights
from lpt.baselines import baseline_names, baseline_settings, train_baseline
from lpt.errors import ConfigError, RunError
from lpt.training.engine.optim import ROLES
from lpt.training.engine.stage import Progress

from ..baselines.tiny import COUNTS, Recorder
from ..baselines.trainings import POOL, PROMPTS, Trainings
from ..tiny import Killed

C, D, L, P, M = len(COUNTS), 16, 3, PROMPTS, POOL
CLASSIFIER = C * D
NORMS = 2 * D * (2 * L + 1)
BLOCK_BIASES = 3 * D + D + 4 * D + D + 2 * D
ADAPTERS = L * (4 * D + 4 + 4 * D + D)
LPT = L * P * D + M * (L - L // 2) * P * D + M * D

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
    "ride": lambda _: ADAPTERS + L + 3 * (8 * D + 4 + D + 1) + 2 * CLASSIFIER,
    "multitask": lambda vit: vit,
}
"""Trained parameters, counted by hand, without the classifier."""

WITH_VIEWS = {"linear-probe", "crt", "gcl"}
PROMPTED = {"vpt-shallow", "vpt-deep", "lpt-norm", "lpt-adapter"}
"""Prompts start at random, so that the initial features differ from those of the backbone."""


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    gc.freeze()  # every training collects garbage; exclude what is loaded by now
    yield Trainings(tmp_path_factory.mktemp("baselines"))
    gc.unfreeze()


@pytest.fixture(params=baseline_names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def some_images(number: int = 4) -> tuple[Tensor, Tensor]:
    images = torch.randn(number, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return images, torch.arange(number) % C


def test_training_changes_the_loss_and_everything_stays_finite(name, trainings):
    trainings.context.reporter.records.clear()
    trained = trainings.train(name, epochs=2, init="uniform")
    losses = [record["loss"] for record in trainings.context.reporter.records]
    assert losses
    assert torch.tensor(losses).isfinite().all()
    assert losses[0] != losses[1]
    assert all(p.isfinite().all() for p in trained.stage.parameters())
    assert trained.seconds > 0


def test_gradients_reach_exactly_the_declared_parameters(name, trainings):
    stage = trainings.train(name, epochs=0).stage.train()
    trainable = [p for parameters in stage.param_groups().values() for p in parameters]
    assert set(stage.param_groups()) <= set(ROLES)
    assert {id(p) for p in trainable} <= {id(p) for p in stage.parameters()}
    own = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in trainable:  # zeros stop gradients to earlier layers
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=own))
    images, labels = some_images(4 * len(stage.branches))
    step = stage.draw({"images": images}, labels)
    stage(step, Progress(0, 2)).total.backward()
    reached = {id(p) for p in stage.parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert reached == {id(p) for p in trainable}


def test_the_given_backbone_is_bit_identical_after_training(name, trainings):
    trainings.train(name, epochs=2, init="uniform")
    assert (
        hash_weights(trainings.context.backbone.model.state_dict())
        == trainings.context.backbone.spec.sha256
    )
    assert not any(p.requires_grad for p in trainings.context.backbone.parameters())


def test_the_initial_features_are_those_of_the_backbone(name, trainings):
    images, _ = some_images()
    feature = trainings.train(name, again=1, epochs=0).stage.predict(images).feature
    with torch.inference_mode():
        plain = trainings.context.backbone(images)
    if name in PROMPTED:
        assert not torch.allclose(feature, plain, atol=1e-5)
    else:
        torch.testing.assert_close(feature, plain, atol=1e-5, rtol=1e-5)


def test_predictions_are_deterministic_logits_of_every_class_without_gradient(name, trainings):
    trained = trainings.train(name, epochs=2, init="uniform")
    images, _ = some_images()
    logits = trained.predict(images).logits
    assert logits.shape == (4, C)
    assert not logits.requires_grad
    assert torch.equal(trained.predict(images).logits, logits)
    one_by_one = torch.cat([trained.predict(image.unsqueeze(0)).logits for image in images])
    torch.testing.assert_close(one_by_one, logits, atol=1e-5, rtol=1e-4)


def test_the_same_seed_gives_the_same_weights(name, trainings):
    one = trainings.train(name, epochs=2, init="uniform").stage.state_dict()
    other = trainings.train(name, again=2, epochs=2, init="uniform").stage.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


class KillingReporter(Recorder):
    """Kills the training after a number of steps."""

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


def test_a_training_killed_repeatedly_ends_with_the_same_weights(name, trainings, tmp_path):
    settings = trainings.settings(name, epochs=2, init="uniform")
    expected = trainings.train(name, epochs=2, init="uniform")
    trained, kills = None, 0
    while trained is None:
        killed = trainings.new_context(KillingReporter(left=3), checkpoint_seconds=0.0)
        try:
            trained = train_baseline(name, killed, settings, tmp_path)
        except Killed:
            kills += 1
            assert kills < 20, "no progress from one kill to the next"
    assert kills >= 2
    found, wanted = trained.stage.state_dict(), expected.stage.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in found)
    assert trained.parameters == expected.parameters


def test_a_finished_training_is_taken_from_its_folder(name, trainings, tmp_path):
    settings = trainings.settings(name, epochs=1)
    first = train_baseline(name, trainings.context, settings, tmp_path)
    trainings.context.reporter.records.clear()
    again = train_baseline(name, trainings.context, settings, tmp_path)
    assert not trainings.context.reporter.records
    one, other = first.stage.state_dict(), again.stage.state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert again.seconds > 0


def test_a_checkpoint_of_another_baseline_is_refused_by_name(trainings, tmp_path):
    train_baseline("norm", trainings.context, trainings.settings("norm", epochs=1), tmp_path)
    with pytest.raises(RunError, match=r"stage-0\.safetensors: .* do not fit"):
        train_baseline(
            "bitfit", trainings.context, trainings.settings("bitfit", epochs=1), tmp_path
        )


def test_trained_parameters_are_counted(name, trainings):
    vit = sum(p.numel() for p in trainings.context.backbone.parameters())
    found = trainings.train(name, epochs=2, init="uniform").parameters
    assert found == PARAMETERS[name](vit) + CLASSIFIER


def test_every_baseline_can_start_at_class_means(name, trainings):
    images, _ = some_images()
    starts = [
        trainings.train(name, again=1, epochs=0, init=i).predict(images)
        for i in ("class-means", "uniform")
    ]
    assert not torch.allclose(starts[0].logits, starts[1].logits, atol=1e-3)


def test_dropout_reaches_every_baseline(name, trainings):
    images, _ = some_images()
    none, half = (
        trainings.train(name, again=2, epochs=1, dropout=dropout).predict(images).logits
        for dropout in (0.0, 0.5)
    )
    assert not torch.equal(none, half)


def test_every_baseline_offers_test_time_augmentation(name, trainings):
    images, _ = some_images()
    trained = train_baseline(name, trainings.context, trainings.settings(name, epochs=0, tta=True))
    assert trained.predict(images).logits.shape == (4, C)
    single = trained.stage.predict(images).logits
    assert not torch.allclose(trained.predict(images).logits, single, atol=1e-4)


def test_an_unknown_option_is_refused_with_the_known_ones(name, trainings):
    with pytest.raises(ConfigError, match=f"baseline {name}: option surplus: unknown"):
        trainings.settings(name, options={"surplus": 1})


def test_settings_survive_a_round_trip(name, trainings):
    settings = trainings.settings(name)
    assert settings.lr is not None
    assert baseline_settings(name, **dict(settings)) == settings


def test_cached_views_are_refused_without_a_frozen_part(name, trainings):
    if name in WITH_VIEWS:
        return
    with pytest.raises(ConfigError, match="Set cached_views=0"):
        train_baseline(name, trainings.context, trainings.settings(name, cached_views=2))
