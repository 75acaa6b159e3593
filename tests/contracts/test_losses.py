"""The contract of every loss; listing it here, or registering it, is enough to test it.

Losses of an installed plugin are listed by `loss_names`, so they are held to the contract too.
"""

from collections.abc import Iterator

import pytest
import torch
from tests.losses.example_losses import EXAMPLES, registered
from torch import Tensor

from lpt.losses import Loss, build_loss, draw_noise, loss_names
from lpt.records import Progress

CASES = [
    *((name, {}) for name in (*loss_names(), *EXAMPLES)),
    ("agcl", {"preset": "paper"}),
    ("agcl", {"lambda_pos": 0.5, "lambda_neg": 8.0}),
    ("class-balanced", {"gamma": 0.5}),
    ("focal", {"gamma": 0.5}),
    ("ldam", {"scale": 30.0}),
    ("gcl-drw", {"start": 0.5}),
]
TAIL = torch.tensor([100, 10, 3, 1, 0])
pytestmark = pytest.mark.parametrize(
    ("name", "options"), CASES, ids=[f"{name}{options or ''}" for name, options in CASES]
)


@pytest.fixture(scope="module", autouse=True)
def _examples() -> Iterator[None]:
    with registered():
        yield


def evaluate(loss: Loss, cosine: Tensor, labels: Tensor, noise: Tensor | None) -> Tensor:
    """Call a loss with everything that it may need."""
    feature = torch.ones(len(labels), 6)
    return loss(cosine, labels, noise, feature=feature, progress=Progress(2, 4))


def batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    cosine = torch.rand(7, 5, generator=generator, dtype=torch.float64).mul(2).sub(1).to(dtype)
    noise = draw_noise((7, 5), generator=generator, dtype=torch.float64).to(dtype)
    return cosine, torch.tensor([0, 1, 2, 3, 4, 0, 1]), noise


def test_passes_gradcheck(name: str, options: dict) -> None:
    cosine, labels, noise = batch()
    loss = build_loss(name, TAIL, **options)
    assert torch.autograd.gradcheck(
        lambda cosine: evaluate(loss, cosine, labels, noise), (cosine.requires_grad_(),)
    )


def test_gives_one_value_per_image_at_least_zero(name: str, options: dict) -> None:
    cosine, labels, noise = batch()
    values = evaluate(build_loss(name, TAIL, **options), cosine, labels, noise)
    assert values.shape == labels.shape
    assert values.isfinite().all()
    assert (values >= 0).all()


@pytest.mark.parametrize("counts", [TAIL, torch.full((5,), 9), torch.tensor([4980, 0, 0, 0, 0])])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_finite_with_its_gradient_at_extreme_cosines(
    name: str, options: dict, counts: Tensor, dtype: torch.dtype
) -> None:
    """The right class at 1 and the rest at -1, the reverse, and all alike: p reaches 1 and 0."""
    labels = torch.arange(5).repeat(3)
    right = 2 * torch.eye(5, dtype=dtype) - 1
    cosine = torch.cat([right, -right, torch.ones(5, 5, dtype=dtype)]).requires_grad_()
    for noise in (None, torch.zeros(15, 5, dtype=dtype), torch.ones(15, 5, dtype=dtype)):
        values = evaluate(build_loss(name, counts, **options), cosine, labels, noise)
        (gradient,) = torch.autograd.grad(values.sum(), cosine)
        assert values.isfinite().all()
        assert gradient.isfinite().all()


def test_falls_as_the_true_class_gains(name: str, options: dict) -> None:
    cosine, labels, noise = batch()
    loss = build_loss(name, TAIL, **options)
    better = cosine.clone()
    better[torch.arange(7), labels] += 0.05
    assert (evaluate(loss, better, labels, noise) < evaluate(loss, cosine, labels, noise)).all()


def test_permutes_with_the_classes(name: str, options: dict) -> None:
    cosine, labels, noise = batch()
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(
        evaluate(
            build_loss(name, TAIL[order], **options),
            cosine[:, order],
            order.argsort()[labels],
            noise[:, order],
        ),
        evaluate(build_loss(name, TAIL, **options), cosine, labels, noise),
    )


def test_values_of_images_do_not_depend_on_each_other(name: str, options: dict) -> None:
    cosine, labels, noise = batch()
    loss = build_loss(name, TAIL, **options)
    one_by_one = [
        evaluate(loss, cosine[i : i + 1], labels[i : i + 1], noise[i : i + 1]) for i in range(7)
    ]
    torch.testing.assert_close(torch.cat(one_by_one), evaluate(loss, cosine, labels, noise))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_keeps_the_dtype(name: str, options: dict, dtype: torch.dtype) -> None:
    cosine, labels, noise = batch(dtype)
    values = evaluate(build_loss(name, TAIL, **options), cosine, labels, noise)
    assert values.dtype == dtype
    assert values.isfinite().all()


def test_leaves_its_inputs_alone(name: str, options: dict) -> None:
    inputs = batch()
    before = [tensor.clone() for tensor in inputs]
    counts = TAIL.clone()
    evaluate(build_loss(name, counts, **options), *inputs)
    for tensor, copy in zip([*inputs, counts], [*before, TAIL], strict=True):
        assert torch.equal(tensor, copy)


def test_later_changes_of_the_counts_do_not_reach_it(name: str, options: dict) -> None:
    counts = TAIL.clone()
    loss = build_loss(name, counts, **options)
    inputs = batch()
    before = evaluate(loss, *inputs)
    counts.fill_(1)
    assert torch.equal(evaluate(loss, *inputs), before)
