"""PaCo's loss against its equations in plain loops, and its queue."""

import math

import pytest
import torch
from torch import Tensor

from lpt.baselines import baseline_settings, train_baseline
from lpt.baselines.methods.long_tailed.paco import paco_loss
from lpt.errors import ConfigError
from lpt.training.engine.stage import Progress

from ...tiny import COUNTS, context


def reference(
    centres: Tensor, similarity: Tensor, labels, others, present, alpha: float
) -> list[float]:
    """The equations of the paper, as plain sums."""
    values = []
    for i, label in enumerate(labels.tolist()):
        among = [j for j in range(len(others)) if present[i, j]]
        total = sum(math.exp(v) for v in centres[i].tolist())
        total += sum(math.exp(float(similarity[i, j])) for j in among)
        positives = [j for j in among if int(others[j]) == label]
        value = -math.log(math.exp(float(centres[i, label])) / total)
        value += sum(
            -alpha * math.log(math.exp(float(similarity[i, j])) / total) for j in positives
        )
        values.append(value / (1 + alpha * len(positives)))
    return values


@pytest.mark.parametrize("alpha", [0.0, 0.05, 1.0])
def test_the_loss_is_that_of_the_equations(alpha):
    torch.manual_seed(0)
    centres, similarity = torch.randn(3, 4), torch.randn(3, 7)
    labels, others = torch.tensor([0, 1, 3]), torch.tensor([0, 1, 3, 0, 0, 2, -1])
    present = torch.ones(3, 7, dtype=torch.bool)
    present[:, 6] = False
    present[torch.arange(3), torch.arange(3)] = False
    found = paco_loss(centres, similarity, labels, others, present, alpha)
    wanted = torch.tensor(reference(centres, similarity, labels, others, present, alpha))
    torch.testing.assert_close(found, wanted)


def test_absent_features_change_neither_loss_nor_gradient():
    similarity = torch.tensor([[1.0, 2.0, 50.0]], requires_grad=True)
    present = torch.tensor([[True, True, False]])
    arguments = torch.zeros(1, 2), torch.tensor([0]), torch.tensor([0, 1, 0])
    paco_loss(arguments[0], similarity, *arguments[1:], present, 0.5).sum().backward()
    assert similarity.grad is not None
    assert similarity.grad.isfinite().all()
    assert similarity.grad[0, 2] == 0


@pytest.fixture
def stage(backbone):
    options = {"queue": 5, "contrast_width": 4, "momentum": 0.5}
    settings = baseline_settings("paco", epochs=0, options=options)
    return train_baseline("paco", context(backbone), settings).stage.train()


def step_of(stage, images, labels):
    return stage.draw({"images": torch.cat([images, images.flip(3)])}, labels.repeat(2))


def test_second_views_enter_the_queue_in_front(stage, images):
    assert stage.queue_labels.tolist() == [-1] * 5
    labels = torch.tensor([0, 1, 2, 3])
    stage(step_of(stage, images, labels), Progress(0, 1))
    assert stage.queue_labels.tolist() == [0, 1, 2, 3, -1]
    torch.testing.assert_close(stage.queue[:4].norm(dim=1), torch.ones(4))
    stage(step_of(stage, images, labels.flip(0)), Progress(0, 1))
    assert stage.queue_labels.tolist() == [3, 2, 1, 0, 0]


def test_momentum_one_half_moves_the_momentum_encoder_half_way(stage, images):
    parameter, momentum_encoder = stage.projection[0].bias, stage.momentum_encoder[1][0].bias
    before = momentum_encoder.detach().clone()
    with torch.no_grad():
        parameter.add_(1.0)
    stage(step_of(stage, images, torch.tensor([0, 1, 2, 3])), Progress(0, 1))
    torch.testing.assert_close(momentum_encoder, before + 0.5)


def test_both_views_show_the_same_images(backbone):
    stage = train_baseline("paco", context(backbone), baseline_settings("paco", epochs=0)).stage
    assert [branch.sampler for branch in stage.branches] == ["instance", "instance"]
    torch.testing.assert_close(stage.prior.exp(), torch.tensor(COUNTS) / sum(COUNTS))


def test_micro_batches_are_refused(stage, images):
    step = step_of(stage, images, torch.tensor([0, 1, 2, 3]))
    with pytest.raises(ConfigError, match="micro_batch=null"):
        stage(step.part(slice(0, 4)), Progress(0, 1))


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({"sampler": "dual"}, {}, "sampler=dual"),
        ({"loss": "gcl"}, {}, "Set loss=ce"),
        ({}, {"augment__mixup": 0.2, "phase2__cached_views": 0}, "Set augment.mixup=0"),
    ],
)
def test_unsupported_settings_are_refused(backbone, change, settings, words):
    with pytest.raises(ConfigError, match=words):
        train_baseline(
            "paco", context(backbone, **settings), baseline_settings("paco", epochs=0, **change)
        )
