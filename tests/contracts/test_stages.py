"""The contract of stages with the loop; every listed stage is tested."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lpt.backbones import FrozenViT, hash_weights
from lpt.baselines.encoder import EncoderStage, Fixed
from lpt.losses import PHASE2_RELEASED, build_loss, instance_loss
from lpt.model.classifier import CosineClassifier
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.optim import ROLES
from lpt.training.engine.stage import Progress, Stage, branches_of
from lpt.training.phases.prompt_stages import GroupStage, SharedStage

COUNTS = torch.tensor([9, 4, 1])
WIDTH, EPOCHS = 16, 4


def vit() -> FrozenViT:
    torch.manual_seed(0)
    model = VisionTransformer(
        img_size=16, patch_size=8, embed_dim=WIDTH, depth=3, num_heads=2, num_classes=0
    )
    return FrozenViT(model)


def model_of(top: int, adapters: int = 0) -> LongTailedPromptModel:
    model = LongTailedPromptModel(vit(), 3, PromptShape(2, 1, 4, top), adapter_width=adapters)
    if model.adapters is not None:
        nn.init.normal_(model.adapters.up)  # starts at zero, which stops gradients
    return model


def shared(sampler: str, mixup: float, adapters: int = 0) -> Stage:
    loss = build_loss("agcl", COUNTS)
    return SharedStage(model_of(2, adapters), branches_of(sampler, loss, loss), mixup)


def group(sampler: str, mixup: float, adapters: int = 0) -> Stage:
    settings = PHASE2_RELEASED
    loss = build_loss("agcl", COUNTS)
    model = model_of(4, adapters)
    branches = branches_of(sampler, loss, instance_loss(loss, settings))
    return GroupStage(model, branches, settings, mixup)


def probe(sampler: str, mixup: float) -> Stage:
    loss = build_loss("ce", COUNTS)
    classifier, branches = CosineClassifier(3, WIDTH), branches_of(sampler, loss, loss)
    return EncoderStage("linear-probe", Fixed(vit()), classifier, branches, mixup)


STAGES: dict[str, Callable[[str, float], Stage]] = {
    "phase 1": shared,
    "phase 2": group,
    "phase 1 with adapters": partial(shared, adapters=2),
    "phase 2 with adapters": partial(group, adapters=2),
    "linear probe": probe,
}
"""Stages by name; add one here to test it against the contract."""


@pytest.fixture(params=STAGES)
def make(request: pytest.FixtureRequest) -> Callable[[str, float], Stage]:
    torch.manual_seed(1)
    return STAGES[request.param]


def batch(branches: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(4 * branches, 3, 16, 16, generator=generator)
    return images, torch.tensor([0, 1, 2, 0] * branches)


@pytest.mark.parametrize("sampler", ["instance", "balanced", "dual"])
@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_terms_are_finite_scalars_named_after_their_branch_with_a_weight_each(make, sampler, mixup):
    stage = make(sampler, mixup).train()
    images, labels = batch(len(stage.branches))
    terms = stage(stage.draw({"images": images}, labels), Progress(1, EPOCHS))
    assert terms.terms.keys() == terms.weights.keys()
    assert {name.partition(".")[0] for name in terms} == {b.name for b in stage.branches}
    assert all(value.dim() == 0 and value.isfinite() for value in terms.values())
    wanted = sum(terms.weights[name] * value for name, value in terms.items())
    torch.testing.assert_close(terms.total, wanted)


def test_gradients_reach_exactly_the_param_groups(make):
    stage = make("dual", 0.0).train()
    images, labels = batch(2)
    stage(stage.draw({"images": images}, labels), Progress(0, EPOCHS)).total.backward()
    trainable = {id(p) for parameters in stage.param_groups().values() for p in parameters}
    assert set(stage.param_groups()) <= set(ROLES)
    reached = {id(p) for p in stage.parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert reached == trainable


def test_the_backbone_never_changes(make):
    stage = make("dual", 0.0).train()
    backbone = next(m for m in stage.modules() if isinstance(m, FrozenViT))
    before = hash_weights(backbone.state_dict())
    optimizer = torch.optim.SGD(stage.parameters(), lr=1.0)
    images, labels = batch(2)
    stage(stage.draw({"images": images}, labels), Progress(0, EPOCHS)).total.backward()
    optimizer.step()
    assert hash_weights(backbone.state_dict()) == before


def test_the_frozen_half_needs_no_gradient_and_can_be_cached(make):
    """A cached frozen half gives the same terms as one that is computed within the step."""
    stage = make("dual", 0.0).train()
    images, labels = batch(2)
    with torch.no_grad():
        cached = stage.frozen(images)
    assert not any(tensor.requires_grad for tensor in cached.values())
    assert all(len(tensor) == len(images) for tensor in cached.values())
    totals = []
    for inputs in ({"images": images}, cached):
        torch.manual_seed(3)
        totals.append(stage(stage.draw(inputs, labels), Progress(0, EPOCHS)).total)
    assert torch.equal(*totals)


def test_the_frozen_half_of_an_image_does_not_depend_on_the_others(make):
    stage = make("dual", 0.0).eval()
    images, _ = batch(1)
    for name, tensor in stage.frozen(images).items():
        single = torch.cat([stage.frozen(image.unsqueeze(0))[name] for image in images])
        torch.testing.assert_close(tensor, single, atol=1e-5, rtol=0)


def test_predictions_are_deterministic_cosines_without_gradient(make):
    stage = make("dual", 0.5).eval()
    images, _ = batch(1)
    output = stage.predict(images)
    assert output.logits.shape == (4, 3)
    assert output.logits.abs().max() <= 1 + 1e-6
    assert not output.logits.requires_grad
    assert torch.equal(stage.predict(images).logits, output.logits)


def test_the_instance_branch_fades_and_the_balanced_one_does_not(make):
    """beta = eta (E - e) / E, method section 4."""
    stage = make("dual", 0.0)
    images, labels = batch(2)
    for epoch in range(EPOCHS):
        weights = stage(stage.draw({"images": images}, labels), Progress(epoch, EPOCHS)).weights
        assert weights["balanced.classification"] == 1
        assert weights["instance.classification"] == pytest.approx(0.5 * (EPOCHS - epoch) / EPOCHS)


def test_a_branch_depends_only_on_its_own_half_of_the_batch(make):
    stage = make("dual", 0.0).eval()
    images, labels = batch(2)
    torch.manual_seed(4)
    before = stage(stage.draw({"images": images}, labels), Progress(0, EPOCHS))
    changed = torch.cat([images[:4], images[4:].flip(2)])
    torch.manual_seed(4)
    after = stage(stage.draw({"images": changed}, labels), Progress(0, EPOCHS))
    for name in before:
        same = torch.allclose(before[name], after[name], atol=1e-6)
        assert same == name.startswith("balanced.")


def test_mixup_blends_images_within_a_branch_and_weighs_both_labels(make):
    """By hand: share * loss(own label) + (1 - share) * loss(partner's label), with equal noise."""
    stage = make("instance", 0.4).train()
    images, labels = batch(1)
    torch.manual_seed(5)
    mixed = stage(stage.draw({"images": images}, labels), Progress(0, EPOCHS))[
        "instance.classification"
    ]

    torch.manual_seed(5)
    beta = torch.distributions.Beta(0.4, 0.4)
    partner, share = torch.randperm(4), float(beta.sample())
    blended = share * images + (1 - share) * images[partner]
    after_drawing = torch.get_rng_state()
    stage.mixup = 0.0
    halves = []
    for own in (labels, labels[partner]):
        torch.set_rng_state(after_drawing)
        halves.append(stage(stage.draw({"images": blended}, own), Progress(0, EPOCHS)))
    one, other = (half["instance.classification"] for half in halves)
    torch.testing.assert_close(mixed, share * one + (1 - share) * other)
    assert 0 < share < 1
    assert not torch.allclose(one, other)
