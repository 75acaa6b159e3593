"""Every image is predicted once, in order, by any number of processes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.machine.group.process_group import ProcessGroup
from lpt.progress import SilentReporter
from lpt.records import Match, Output
from lpt.training.processes import shared_evaluation
from lpt.training.processes.shared_evaluation import (
    share_of_images,
    shared_features,
    shared_predictions,
    shared_validation,
)
from lpt.training.run.training_context import TrainingContext

from ...thread_group import in_threads
from ...tiny import config


@pytest.fixture(scope="module")
def context(photos: Path, backbone: FrozenViT) -> TrainingContext:
    return TrainingContext(config(photos), SilentReporter(), device="cpu", backbone=backbone)


def model(images: torch.Tensor) -> Output:
    values = images.flatten(1)[:, :4]
    ids = values.argsort(1)[:, :2]
    match = Match(ids, torch.zeros(len(ids), 2), torch.zeros(len(ids), 1, 2, 4))
    return Output(values, values, values, match)


def of(context: TrainingContext, group: ProcessGroup) -> TrainingContext:
    """The context of a process."""
    own = object.__new__(TrainingContext)
    own.__dict__.update(context.__dict__)
    own.group = group
    return own


@pytest.mark.parametrize("size", [1, 2, 4])
def test_counts_and_bits_are_those_of_one_process(context, size, monkeypatch):
    monkeypatch.setattr(shared_evaluation.share_of_images, "__defaults__", (2,))
    whole = context.predict(model, context.train_split)
    for images in range(1, 18):
        split = context.train_split.take(np.arange(images))
        main, *others = in_threads(
            size, lambda group, split=split: shared_predictions(of(context, group), model, split)
        )
        assert others == [None] * (size - 1)
        assert np.array_equal(main.logits, whole.logits[:images])
        assert np.array_equal(main.labels, whole.labels[:images])
        assert np.array_equal(main.matched, whole.matched[:images])


@pytest.mark.parametrize("size", [2, 3, 8])
def test_features_are_complete_in_every_process(context, size, monkeypatch):
    monkeypatch.setattr(shared_evaluation.share_of_images, "__defaults__", (4,))
    split = context.train_split

    def features(group):
        return shared_features(of(context, group), lambda i: i.flatten(1)[:, :5], split, "test")

    wanted = features(ProcessGroup())
    assert all(torch.equal(found, wanted) for found in in_threads(size, features))


def test_all_processes_know_the_scores_of_validation(context):
    wanted = shared_validation(context, model)
    found = in_threads(2, lambda group: shared_validation(of(context, group), model))
    assert found == [wanted, wanted]
    assert wanted is not None


def test_a_share_is_whole_batches():
    group = ProcessGroup()
    group.size = 3
    shares = []
    for group.rank in range(3):
        shares.append(share_of_images(group, 130))
    assert shares == [range(0, 64), range(64, 128), range(128, 130)]


def test_5000_test_images_are_counted_once_by_any_number_of_processes(context):
    split = context.train_split.take(np.arange(5000) % len(context.train_split))
    scores = []
    for size in (1, 2, 4):
        main, *_ = in_threads(
            size, lambda group: shared_predictions(of(context, group), model, split)
        )
        assert len(main.labels) == 5000
        scores.append((context.score(main).summary(), main.logits.tobytes()))
    assert scores[0] == scores[1] == scores[2]
