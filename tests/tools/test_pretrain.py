"""Pretraining: augmentation is a function of its seed, a killed run ends as if it had not been."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.pretrain import trainer
from tools.pretrain.images import Images, augment, normalise
from tools.pretrain.muon import Muon, orthogonal
from tools.pretrain.network import load_network, make_network
from tools.pretrain.recipe import RECIPES, Recipe, Stage
from torch import Tensor

FIELD = Images(
    torch.arange(12 * 3 * 64 * 64).remainder(251).to(torch.uint8).view(12, 3, 64, 64),
    torch.arange(12) % 4,
)
TINY = Recipe(stages=(Stage(16, 16), Stage(32, 8, mix=1.0)), batch=4, micro_batch=4)


@given(seed=st.integers(0, 2**40), size=st.sampled_from([16, 32, 48, 64]), mix=st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_augmentation_is_a_function_of_its_seed(seed: int, size: int, mix: float) -> None:
    stage = Stage(size, 12, mix=mix)
    one, again = augment(FIELD, stage, 0.3, seed), augment(FIELD, stage, 0.3, seed)
    assert torch.equal(one.images, again.images)
    assert one.images.shape == (12, 3, size, size)
    assert one.images.abs().max() <= 1
    assert one.images.isfinite().all()
    assert 0 <= one.share <= 1
    assert torch.equal(one.labels, FIELD.labels)


def test_a_crop_of_everything_is_the_image_or_its_mirror() -> None:
    stage = Stage(64, 12, crop_scale=(1.0, 1.0))
    pixels = torch.full((1, 3, 64, 64), 10, dtype=torch.uint8)
    pixels[..., :32] = 200
    flat = Images(pixels.expand(12, -1, -1, -1), torch.zeros(12, dtype=torch.long))
    centre = augment(flat, stage, 0.0, 0).images[:, 0, 20:44]
    left, right = centre[:, :, 4:20].mean((1, 2)), centre[:, :, 44:60].mean((1, 2))
    bright, dark = 200 / 127.5 - 1, 10 / 127.5 - 1
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        assert sorted((a, b)) == pytest.approx([dark, bright], abs=0.02)


def test_the_share_of_a_blend_is_the_share_of_its_pixels() -> None:
    """White and black images: what is white of a blend is the share of the white label."""
    pixels = torch.zeros(8, 3, 64, 64, dtype=torch.uint8)
    pixels[:4] = 255
    batch = Images(pixels, torch.tensor([1] * 4 + [0] * 4))
    for seed in range(12):
        mixed = augment(batch, Stage(64, 8, mix=1.0), 0.0, seed)
        white = mixed.share * mixed.labels + (1 - mixed.share) * mixed.partner
        shown = (mixed.images.mean((1, 2, 3)) + 1) / 2
        assert torch.allclose(shown, white.float(), atol=1e-5)


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)

    def run(folder: Path) -> dict[str, Tensor]:
        made = trainer.Trainer(TINY, FIELD, FIELD, folder, Accelerator(cpu=True)).run()
        return made.state_dict()

    unbroken = run(tmp_path / "unbroken")
    step = trainer.Trainer._train_step
    for killed_at in (2, 4, 5):

        def dies(self: trainer.Trainer, *args: object, at: int = killed_at) -> Tensor:
            if self.step == at:
                raise KeyboardInterrupt
            return step(self, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(trainer.Trainer, "_train_step", dies)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed")
    monkeypatch.setattr(trainer.Trainer, "_train_step", step)
    resumed = run(tmp_path / "killed")
    assert all(torch.equal(resumed[name], unbroken[name]) for name in unbroken)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 24, 8), (2, 8, 24)])
def test_muon_makes_every_direction_of_a_matrix_about_as_strong(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    strengths = torch.linalg.svdvals(orthogonal(torch.randn(shape), torch.float32))
    assert strengths.min() > 0.5
    assert strengths.max() < 1.3


def test_muon_treats_query_key_and_value_as_three_matrices() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(24, 8)
    fused = torch.nn.Parameter(torch.zeros(24, 8))
    parts = [torch.nn.Parameter(torch.zeros(8, 8)) for _ in range(3)]
    fused.grad = gradient.clone()
    for part, own in zip(parts, gradient.chunk(3), strict=True):
        part.grad = own.clone()
    Muon([], [fused], lr=0.1).step()
    Muon(parts, lr=0.1).step()
    assert torch.allclose(fused, torch.cat(parts), atol=1e-6)


def test_micro_batches_add_up_to_the_batch(tmp_path: Path) -> None:
    def first_gradient(micro_batch: int) -> Tensor:
        recipe = Recipe(stages=(Stage(16, 8),), batch=8, micro_batch=micro_batch)
        run = trainer.Trainer(recipe, FIELD, FIELD, tmp_path, Accelerator(cpu=True))
        torch.nn.init.normal_(run.network.head.weight)
        run.optimizers, run.peaks = [], []
        run.network.zero_grad = lambda **_: None  # type: ignore[method-assign]
        run._train_step(recipe.stages[0], 1)
        gradient = run.network.patch_embed.proj.weight.grad
        assert gradient is not None
        return gradient

    whole, parts = first_gradient(8), first_gradient(3)
    assert (whole - parts).norm() < 1e-4 * whole.norm()


def test_held_out_images_are_the_last_of_each_class() -> None:
    kept, held = FIELD.without(1)
    assert held.labels.bincount().tolist() == [1, 1, 1, 1]
    assert len(kept) == 8
    assert torch.equal(held.pixels, FIELD.pixels[8:])


def test_a_network_comes_back_from_its_file(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    network = make_network(5)
    torch.nn.init.normal_(network.head.weight)
    save_file(network.state_dict(), tmp_path / "made.safetensors")
    images = normalise(FIELD.pixels, 64)
    with torch.inference_mode():
        assert torch.equal(
            load_network(tmp_path / "made.safetensors")(images), network.eval()(images)
        )


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_whole_batches_and_sizes_of_whole_patches(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.batch % recipe.micro_batch == 0
    for stage in recipe.stages:
        assert stage.image_size % 8 == 0
        assert stage.crops >= recipe.batch
