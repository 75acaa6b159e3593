import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from lpt.data.images.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from lpt.data.images.transforms import eval_transform
from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.data.sources.open_data import open_data
from lpt.errors import ConfigError

from ..check.corpus import picture


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_higher_severity_moves_an_image_further_from_the_original(kind):
    image = picture(3, 96)
    clean = np.asarray(image, dtype=float)
    distances = []
    for severity in SEVERITIES:
        corrupted = Corruption(kind, severity)(image)
        assert (corrupted.size, corrupted.mode) == (image.size, "RGB")
        distances.append(np.abs(np.asarray(corrupted, dtype=float) - clean).mean())
    assert distances == sorted(distances)
    assert distances[0] > 1


def test_noise_differs_between_images_and_repeats_between_evaluations(make_folder):
    root = make_folder({"a": 3, "b": 3})
    first = (root / "a/000.png").read_bytes()
    for path in root.rglob("*.png"):
        path.write_bytes(first)  # six copies of one image
    split = open_data(root, test_fraction=0, val_fraction=0).splits["train"]
    half = (0.5, 0.5, 0.5)
    transform = eval_transform(
        10, half, half, resize=10, rule="squash", corruption=Corruption("noise", 3)
    )
    dataset = ImageDataset(split, transform)
    one, two = (
        next(iter(make_loader(dataset, EvalBatches(6, 6)))).images.numpy() for _ in range(2)
    )
    assert np.array_equal(one, two)
    assert len({image.tobytes() for image in one}) == 6


def test_noise_is_drawn_from_the_given_generator_as_from_the_global_one():
    image, noise = Image.new("RGB", (9, 7), "grey"), Corruption("noise", 2)
    before = torch.get_rng_state()
    own = noise(image, torch.Generator().manual_seed(4))
    assert torch.equal(before, torch.get_rng_state())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        assert np.array_equal(np.asarray(noise(image)), np.asarray(own))


def test_noise_is_the_same_in_every_release():
    """Golden: made with release 0.1.0, which seeded torch's global generator, on torch 2.15."""
    image = Image.new("RGB", (6, 5), (10, 128, 250))
    noisy = Corruption("noise", 3)(image, torch.Generator().manual_seed(11))
    assert (
        hashlib.sha256(noisy.tobytes()).hexdigest()
        == "7f99aa68c56202e9f084051435d62573ac0ac8b1a78b3f8524dd77ec0c32c7f4"
    )


@pytest.mark.parametrize(("kind", "severity"), [("fog", 1), ("noise", 0), ("noise", 6)])
def test_unknown_corruption_or_severity_is_named(kind, severity):
    with pytest.raises(ConfigError, match="noise, blur, contrast, jpeg and a severity from 1 to 5"):
        Corruption(kind, severity)
