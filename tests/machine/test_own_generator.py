"""Seeded numbers are torch's, and neither read nor change its global generator."""

import threading
from collections.abc import Callable

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lpt.machine.own_generator import OwnGenerator

DRAWS: dict[str, Callable[[], Tensor]] = {
    "rand": lambda: torch.rand(5),
    "randn": lambda: torch.randn(3, 4),
    "randint": lambda: torch.randint(100, (5,)),
    "randint between": lambda: torch.randint(3, 9, (5,)),
    "randperm": lambda: torch.randperm(20),
    "normal": lambda: torch.normal(torch.zeros(4), torch.ones(4)),
    "bernoulli": lambda: torch.bernoulli(torch.full((9,), 0.4)),
    "multinomial": lambda: torch.multinomial(torch.ones(5), 3),
    "rand_like": lambda: torch.rand_like(torch.zeros(4)),
    "randn_like": lambda: torch.randn_like(torch.zeros(2, 2, dtype=torch.float64)),
    "uniform_": lambda: torch.empty(4).uniform_(-1, 1),
    "normal_": lambda: torch.empty(4).normal_(0, 2),
    "exponential_": lambda: torch.empty(4).exponential_(),
    "beta": lambda: torch.distributions.Beta(0.3, 0.3).sample(),
    "gamma": lambda: torch.distributions.Gamma(0.3, 1.0).sample((3,)),
    "trunc_normal_": lambda: nn.init.trunc_normal_(torch.empty(30), std=0.02, a=-0.04, b=0.04),
    "kaiming_uniform_": lambda: nn.init.kaiming_uniform_(torch.empty(4, 4), a=2),
    "xavier_uniform_": lambda: nn.init.xavier_uniform_(torch.empty(4, 4)),
    "linear": lambda: torch.cat([p.detach().flatten() for p in nn.Linear(3, 4).parameters()]),
    "conv": lambda: torch.cat([p.detach().flatten() for p in nn.Conv2d(2, 3, 3).parameters()]),
    "vit": lambda: torch.cat(
        [
            p.detach().flatten()
            for p in VisionTransformer(
                img_size=16, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=3
            ).parameters()
        ]
    ),
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_those_of_a_global_seed_and_the_global_generator_is_unchanged(name):
    torch.manual_seed(7)
    wanted = [DRAWS[name](), DRAWS[name]()]
    before = torch.get_rng_state()
    with OwnGenerator(7):
        found = [DRAWS[name](), DRAWS[name]()]
    assert all(map(torch.equal, found, wanted))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_given_generator_is_used():
    with OwnGenerator(7):
        found = torch.rand(3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(found, torch.rand(3, generator=torch.Generator().manual_seed(1)))


def test_seeding_again_repeats_and_nested_contexts_do_not_disturb_each_other():
    with OwnGenerator(7) as outer:
        first = torch.rand(3)
        with OwnGenerator(8):
            torch.rand(3)
        second = torch.rand(3)
        outer.seed(7)
        again = torch.rand(6)
    assert torch.equal(again, torch.cat([first, second]))


def test_a_pause_draws_from_the_global_generator():
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    with OwnGenerator(7) as own:
        first = torch.rand(3)
        with own.paused():
            assert torch.equal(torch.rand(3), wanted)
        second = torch.rand(3)
    with own.paused(), OwnGenerator(7):
        assert torch.equal(torch.rand(6), torch.cat([first, second]))


def test_another_thread_draws_from_the_global_generator():
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    found: list[Tensor] = []
    with OwnGenerator(7):
        thread = threading.Thread(target=lambda: found.append(torch.rand(3)))
        thread.start()
        thread.join()
    assert torch.equal(found[0], wanted)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout(0.4), (50, 8)),
        (nn.Dropout(0.4, inplace=True), (50, 8)),
        (nn.Dropout1d(0.4), (50, 8, 3)),
        (nn.Dropout2d(0.4), (50, 8, 2, 2)),
        (nn.Dropout(1.0), (5, 8)),
    ],
)
def test_dropout_is_that_of_the_seed_and_keeps_the_mean(layer, shape):
    def dropped(seed: int) -> Tensor:
        with OwnGenerator(seed):
            return layer(torch.ones(shape))

    before = torch.get_rng_state()
    first = dropped(3)
    torch.manual_seed(99)
    assert torch.equal(dropped(3), first)
    torch.set_rng_state(before)
    assert set(first.unique().tolist()) <= {0.0, first.max().item()}
    if layer.p < 1:
        assert not torch.equal(dropped(4), first)
        assert first.max().item() == pytest.approx(1 / 0.6)
        assert first.mean().item() == pytest.approx(1, abs=0.15)
    if len(shape) > 2:  # whole channels
        assert torch.equal(first, first[..., :1].expand(shape)) or len(shape) == 4
    layer.eval()
    assert torch.equal(dropped(3), torch.ones(shape))
    layer.train()
