import multiprocessing
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from lpt.data.images.corruptions import Corruption
from lpt.data.images.transforms import Transform, eval_transform, train_transform
from lpt.data.loading import Draw, EvalBatches, ImageDataset, draw_seed, make_loader
from lpt.data.sources.open_data import open_data
from lpt.errors import ConfigError, DataError

from .conftest import encoded, write_parquet

HALF = (0.5, 0.5, 0.5)
AUGMENTED = {"scale": (0.2, 1.0), "flip": 0.5}


@pytest.fixture
def dataset(make_folder):
    root = make_folder({"a": 6, "b": 6})
    return ImageDataset(
        open_data(root, test_fraction=0, val_fraction=0).splits["train"],
        train_transform(8, HALF, HALF, **AUGMENTED),
    )


BATCHES = [[Draw(i, (7, 1, epoch, i)) for i in (0, 5, 11)] for epoch in range(4)]


def together(loader):
    batches = list(loader)
    return (
        torch.cat([b.images for b in batches]),
        torch.cat([b.labels for b in batches]),
        torch.cat([b.ids for b in batches]),
    )


def test_batches_hold_images_labels_and_ids(dataset):
    batches = list(make_loader(dataset, BATCHES))
    assert len(batches) == 4
    assert batches[0].images.shape == (3, 3, 8, 8)
    assert batches[0].labels.tolist() == [0, 0, 1]
    assert batches[0].ids.tolist() == [0, 5, 11]
    assert batches[0].labels.dtype == batches[0].ids.dtype == torch.int64


def test_augmentation_is_a_function_of_the_key(dataset):
    one, two = (dataset[Draw(3, (1, 2))][0] for _ in range(2))
    assert torch.equal(one, two)
    dataset.split.ref(3).path.write_bytes(encoded(3, (200, 200)))
    keys = [(1, 2), (2, 1), (1, 2, 0), ()]
    assert len({dataset[Draw(3, key)][0].numpy().tobytes() for key in keys}) == len(keys)


@pytest.mark.parametrize("workers", [1, 2])
def test_forked_workers_give_the_same_tensors(dataset, workers):
    here = together(make_loader(dataset, BATCHES))
    there = together(make_loader(dataset, BATCHES, workers=workers, start_method="fork"))
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


def test_parquet_can_be_read_before_and_after_a_fork(tmp_path):
    path = write_parquet(tmp_path / "all.parquet", [i % 2 for i in range(12)])
    split = open_data(path, test_fraction=0, val_fraction=0).splits["train"]
    dataset = ImageDataset(split, train_transform(8, HALF, HALF, **AUGMENTED))
    here = together(make_loader(dataset, BATCHES))
    there = together(make_loader(dataset, BATCHES, workers=2, start_method="fork"))
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


def test_augmentation_is_the_same_in_every_release():
    """Golden: the seed of a draw, as release 0.1.0 computed it, so that old runs resume alike."""
    assert draw_seed((7, 1, 0, 3)) == 4_145_552_153_596_140_593


@pytest.mark.slow
def test_spawned_workers_give_the_same_tensors(dataset):
    here = together(make_loader(dataset, BATCHES))
    there = together(make_loader(dataset, BATCHES, workers=1, start_method="spawn"))
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


def test_loading_resumes_at_any_step_from_the_batches_that_remain(dataset):
    whole = [b.images for b in make_loader(dataset, BATCHES)]
    rest = [b.images for b in make_loader(dataset, BATCHES[2:], workers=1, start_method="fork")]
    assert all(torch.equal(a, b) for a, b in zip(whole[2:], rest, strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_global_random_state_does_not_change(dataset, workers):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    list(make_loader(dataset, BATCHES, workers=workers))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert before[2] == random.getstate()


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_image_is_named_and_never_replaced(dataset, workers):
    path = dataset.split.ref(5).path
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError) as caught:
        list(make_loader(dataset, BATCHES, workers=workers))
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be decoded")
    assert "Traceback" not in message
    assert len(message.splitlines()) <= 2


def test_batches_before_the_bad_image_arrive(dataset):
    dataset.split.ref(5).path.write_bytes(b"")
    arriving = iter(make_loader(dataset, [[Draw(0)], [Draw(5)]], workers=1))
    assert next(arriving).ids.tolist() == [0]
    with pytest.raises(DataError, match="0 bytes"):
        next(arriving)


class _Killer:
    """A transform that ends its own process, as the kernel does when memory runs out."""

    def __call__(self, image):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("batches", [BATCHES, iter(BATCHES * 100)], ids=["counted", "stream"])
def test_no_more_workers_start_than_a_pass_has_batches(dataset, batches):
    """12 images are four batches of three; 256 processes would take minutes to start."""
    arriving = iter(make_loader(dataset, batches, workers=256, start_method="fork"))
    next(arriving)
    assert len(multiprocessing.active_children()) == 4
    del arriving


def test_no_batch_is_lost_by_counting_them(dataset):
    counted, streamed = (make_loader(dataset, given) for given in (BATCHES, iter(BATCHES)))
    assert all(
        torch.equal(a, b) for a, b in zip(together(counted), together(streamed), strict=True)
    )
    assert list(make_loader(dataset, iter([]), workers=2)) == []


@pytest.mark.slow
def test_worker_that_was_killed_is_explained(dataset):
    dataset.transform = _Killer()
    with pytest.raises(DataError, match="Use fewer workers"):
        list(make_loader(dataset, BATCHES, workers=1, start_method="fork"))


def test_evaluation_shows_every_image_once_in_order(dataset):
    batches = EvalBatches(len(dataset), 5)
    assert len(batches) == 3
    loaded = list(make_loader(dataset, batches))
    assert [len(b.ids) for b in loaded] == [5, 5, 2]
    assert torch.cat([b.ids for b in loaded]).tolist() == list(range(12))


class _Watch:
    """A step that remembers the state of torch's global generator while images are transformed."""

    def __init__(self):
        self.states = []

    def __call__(self, value):
        self.states.append(torch.get_rng_state())
        return value


TRANSFORMS = {
    "training": train_transform(8, HALF, HALF, **AUGMENTED),
    "evaluation": eval_transform(8, HALF, HALF, resize=8, rule="squash"),
    "corrupted": eval_transform(
        8, HALF, HALF, resize=8, rule="squash", corruption=Corruption("noise", 3)
    ),
}


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_concurrent_threads_give_the_same_tensors_and_keep_the_global_generator(dataset, kind):
    watch, transform = _Watch(), TRANSFORMS[kind]
    dataset.transform = Transform((*transform.steps, watch), transform.decode_target)
    draws = [Draw(i % 12, (1, i)) for i in range(240)]
    before = torch.get_rng_state()
    alone = [dataset[draw][0] for draw in draws]
    with ThreadPoolExecutor(8) as pool:
        together = [item[0] for item in pool.map(dataset.__getitem__, draws)]
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    assert len(watch.states) == 2 * len(draws)
    assert all(torch.equal(before, state) for state in [*watch.states, torch.get_rng_state()])


def test_augmentation_is_that_of_torchvision_seeded_globally(dataset):
    """As release 0.1.0 augmented, so that an old run resumes to the same weights."""
    released = v2.Compose(
        [
            v2.RandomResizedCrop(8, scale=(0.2, 1.0), interpolation=v2.InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(0.5),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(HALF, HALF),
        ]
    )
    for index in range(len(dataset)):
        key = (7, 1, 0, index)
        image = Image.open(dataset.split.ref(index).path).convert("RGB")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(draw_seed(key))
            expected = released(image)
        assert torch.equal(dataset[Draw(index, key)][0], expected)


def test_settings_out_of_range_are_named(dataset):
    with pytest.raises(ConfigError, match="workers -1"):
        make_loader(dataset, BATCHES, workers=-1)
    with pytest.raises(ConfigError, match="start method 'thread'"):
        make_loader(dataset, BATCHES, workers=1, start_method="thread")


@pytest.mark.parametrize("workers", [0, 1])
def test_crops_grow_with_the_share_of_a_draw_in_every_process(dataset, workers):
    growing = train_transform(8, HALF, HALF, **AUGMENTED, growth="linear")
    whole = train_transform(8, HALF, HALF, **{**AUGMENTED, "scale": (1.0, 1.0)})
    draws = [[Draw(3, (7, i), 1.0) for i in range(2)]]
    one, two = (
        next(iter(make_loader(ImageDataset(dataset.split, transform), draws, workers=workers)))
        for transform in (growing, whole)
    )
    assert torch.equal(one.images, two.images)
