import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from lpt.data.images.corruptions import Corruption
from lpt.data.images.transforms import eval_transform, train_transform
from lpt.errors import ConfigError

HALF = (0.5, 0.5, 0.5)
AUGMENTED = {"scale": (0.2, 1.0), "flip": 0.5}


def wide() -> Image.Image:
    """200 x 100: left quarter red, the rest black."""
    pixels = np.zeros((100, 200, 3), dtype=np.uint8)
    pixels[:, :50, 0] = 255
    return Image.fromarray(pixels)


def test_evaluation_normalises_to_float32():
    image = eval_transform(32, (0.0, 0.0, 0.0), HALF, resize=32, rule="squash")(
        Image.new("RGB", (64, 64), "white")
    )
    assert image.dtype == torch.float32
    assert image.shape == (3, 32, 32)
    assert torch.all(image == 2.0)


def test_squash_loses_the_aspect_and_keeps_everything():
    image = eval_transform(40, HALF, HALF, resize=40, rule="squash", interpolation="bilinear")(
        wide()
    )
    assert (image[0] > 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_short_side_keeps_the_aspect_and_crops_the_centre():
    image = eval_transform(40, HALF, HALF, resize=40, rule="short-side")(wide())
    assert not (image[0] > 0).any()  # the red quarter lies outside the central square


def test_evaluation_resizes_before_it_crops():
    image = eval_transform(32, HALF, HALF, resize=64, rule="squash")(wide())
    assert not (image[0] > 0).any()  # a centre crop of half the side leaves a quarter on each side


def test_training_crops_depend_only_on_the_generator():
    transform = train_transform(16, HALF, HALF, **AUGMENTED)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8))
    images = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        images.append(transform(noise))
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])
    assert images[0].shape == (3, 16, 16)


def test_only_training_and_corruptions_are_random():
    assert train_transform(8, HALF, HALF, **AUGMENTED).random
    plain = eval_transform(8, HALF, HALF, resize=8, rule="squash")
    corruption = Corruption("noise", 1)
    corrupted = eval_transform(8, HALF, HALF, resize=8, rule="squash", corruption=corruption)
    assert not plain.random
    assert corrupted.random
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    assert torch.equal(plain(wide(), generator), plain(wide()))
    assert torch.equal(generator.get_state(), before)


def test_transforms_survive_pickling_for_spawned_workers():
    transform = pickle.loads(pickle.dumps(train_transform(8, HALF, HALF, **AUGMENTED)))
    one, two = (transform(wide(), torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)


def test_flip_of_probability_one_mirrors():
    kept, flipped = (
        train_transform(50, HALF, HALF, scale=(1.0, 1.0), flip=flip) for flip in (0.0, 1.0)
    )
    square = wide().crop((0, 0, 100, 100))
    torch.manual_seed(0)
    one = kept(square)
    torch.manual_seed(0)
    assert torch.equal(flipped(square), one.flip(-1))


def test_decode_target_never_asks_for_less_than_the_transform_uses():
    assert eval_transform(224, HALF, HALF, resize=256, rule="squash").decode_target == 512
    assert train_transform(224, HALF, HALF, scale=(0.25, 1.0), flip=0.5).decode_target == 448


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_transform(0, HALF, HALF, **AUGMENTED), "input size 0"),
        (lambda: train_transform(8, HALF, HALF, scale=(0.5, 0.2), flip=0.5), "crop scale"),
        (lambda: train_transform(8, HALF, HALF, scale=(0.2, 1.0), flip=2), "flip 2"),
        (lambda: train_transform(8, HALF, HALF, **AUGMENTED, growth="fast"), "crop growth 'fast'"),
        (
            lambda: train_transform(8, HALF, HALF, **AUGMENTED, interpolation="best"),
            "interpolation 'best'",
        ),
        (lambda: train_transform(8, HALF, (0.5, 0.5, 0.0), **AUGMENTED), "std above 0"),
        (lambda: eval_transform(8, HALF, HALF, resize=4, rule="squash"), "resize 4 is smaller"),
        (lambda: eval_transform(8, HALF, HALF, resize=8, rule="stretch"), "resize rule 'stretch'"),
    ],
)
def test_settings_out_of_range_are_named(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def test_a_line_is_cut_before_it_is_resized(monkeypatch):
    largest = 0
    resize = Image.Image.resize

    def watched(image, size, *args, **kwargs):
        nonlocal largest
        largest = max(largest, size[0] * size[1])
        return resize(image, size, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "resize", watched)
    line = np.zeros((8000, 1, 3), dtype=np.uint8)
    line[3900:4100] = 200
    view = eval_transform(224, HALF, HALF, resize=256, rule="short-side")
    for image in (Image.fromarray(line), Image.fromarray(line.transpose(1, 0, 2))):
        assert torch.allclose(view(image), torch.full((3, 224, 224), 200 / 255 * 2 - 1))
    assert 0 < largest <= 16 * 256**2


@pytest.mark.parametrize("size", [(10, 171), (333, 20), (10, 160)])
def test_a_long_image_gives_almost_the_crop_of_the_whole(size):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image, view = (
        Image.fromarray(pixels),
        eval_transform(32, HALF, HALF, resize=40, rule="short-side"),
    )
    short = min(size)
    whole = image.resize((size[0] * 40 // short, size[1] * 40 // short), Image.Resampling.BICUBIC)
    left, top = round((whole.width - 32) / 2), round((whole.height - 32) / 2)
    expected = np.asarray(whole.crop((left, top, left + 32, top + 32)))
    got = ((view(image) + 1) * 127.5).numpy().transpose(1, 2, 0)
    assert np.abs(got - expected).mean() < 8


def test_only_crops_that_grow_change_a_transform_during_training():
    plain = train_transform(8, HALF, HALF, **AUGMENTED)
    assert plain.at(1.0) is plain
    whole = train_transform(8, HALF, HALF, scale=(1.0, 1.0), flip=0.5)
    grown = train_transform(8, HALF, HALF, **AUGMENTED, growth="linear").at(1.0)
    one, two = (t(wide(), torch.Generator().manual_seed(4)) for t in (whole, grown))
    assert torch.equal(one, two)
