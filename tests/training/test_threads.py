"""Trainings in threads of one process, and beside other users of torch, equal serial ones."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from lpt.baselines import baseline_settings, train_baseline
from lpt.progress import SilentReporter
from lpt.training.run.training_context import TrainingContext

from ..tiny import backbone_of, config, tensors_of, train

pytestmark = pytest.mark.slow  # whole runs

SEEDS = (1, 2)


@contextmanager
def bystander() -> Iterator[None]:
    """Another thread of the process that draws random numbers all the time."""
    stopped = threading.Event()

    def draw() -> None:
        while not stopped.is_set():
            torch.randn(3)
            torch.nn.Linear(2, 2)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@pytest.fixture(scope="module")
def trained(photos: Path, vit: Path, tmp_path_factory) -> dict[int, dict[str, torch.Tensor]]:
    """Runs one after the other, by seed."""
    return {seed: run(seed, photos, vit, tmp_path_factory.mktemp("serial")) for seed in SEEDS}


def run(seed: int, photos: Path, vit: Path, folder: Path) -> dict[str, torch.Tensor]:
    own = config(photos, seed=seed, phase1__epochs=1, phase2__epochs=1)
    train(own, folder / f"run{seed}", backbone_of(vit))
    return tensors_of(folder / f"run{seed}")


def assert_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    assert [name for name in found if not torch.equal(found[name], wanted[name])] == []


def test_two_trainings_in_threads_equal_serial_ones(trained, photos, vit, tmp_path):
    with ThreadPoolExecutor(2) as threads:
        jobs = {s: threads.submit(run, s, photos, vit, tmp_path) for s in SEEDS}
    for seed, job in jobs.items():
        assert_equal(job.result(), trained[seed])


def test_a_bystander_that_draws_changes_nothing(trained, photos, vit, tmp_path):
    with bystander():
        assert_equal(run(1, photos, vit, tmp_path), trained[1])


def test_training_neither_reads_nor_changes_global_generators(trained, photos, vit, tmp_path):
    torch.manual_seed(99)
    np.random.seed(99)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    assert_equal(run(1, photos, vit, tmp_path), trained[1])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


@pytest.mark.parametrize("name", ["paco", "lora", "crt", "lpt-adapter"])
def test_a_baseline_beside_a_bystander_is_the_same(name, photos, vit):
    own = config(photos, augment__mixup=0, data__workers=0)
    settings = baseline_settings(name, epochs=1, batch_size=8)

    def weights() -> dict[str, torch.Tensor]:
        context = TrainingContext(own, SilentReporter(), device="cpu", backbone=backbone_of(vit))
        return dict(train_baseline(name, context, settings).stage.named_parameters())

    before = torch.get_rng_state()
    wanted = weights()
    assert torch.equal(torch.get_rng_state(), before)
    with bystander():
        assert_equal(weights(), wanted)
