"""The whole method: it equals two full passes, and trains only what it should."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import timm
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import QuickGELU
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lpt.backbones import FrozenViT, hash_weights
from lpt.model.kv_table import tables_of
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel
from lpt.records import Output
from lpt.reference.plain_model import PlainModel

WIDTH, DEPTH, CLASSES = 32, 4, 5
KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "layer scale": {"init_values": 0.5},
    "registers": {"reg_tokens": 3},
    "pre-norm, quick GELU": {"pre_norm": True, "act_layer": QuickGELU},
    "query-key norm": {"qk_norm": True},
    "no qkv bias": {"qkv_bias": False},
}


def vit(**changes: object) -> VisionTransformer:
    """9 patches of 4 px; every weight random."""
    arguments = {
        "img_size": 12,
        "patch_size": 4,
        "embed_dim": WIDTH,
        "depth": DEPTH,
        "num_heads": 2,
    }
    model = VisionTransformer(**{**arguments, "num_classes": 0, **changes})
    randomise(model, 0.2)
    return model


def randomise(module: nn.Module, spread: float) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))


def sizes(**changes: int | None) -> PromptShape:
    """The paper's sizes, changed."""
    paper = PromptShape(length=10, shared_blocks=None, pool_size=20, top_k=2)
    return replace(paper, **changes)


def build(
    shape: PromptShape | None = None,
    dropout: float = 0.0,
    adapters: int = 0,
    reads_both: bool = False,
    **changes: object,
):
    """Prompts as large as tokens, so that their effect is."""
    backbone = FrozenViT(vit(**changes))
    shape = shape or sizes(length=3, pool_size=6)
    model = LongTailedPromptModel(
        backbone,
        CLASSES,
        shape,
        dropout=dropout,
        adapter_width=adapters,
        reads_both=reads_both,
    )
    for trainable in (model.shared, model.pool, model.classifier):
        randomise(trainable, 1.0)
    if model.adapters is not None:
        randomise(model.adapters, 1.0)
    return model


def images(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def step(
    model: nn.Module, forward: Callable[[Tensor], object], count: int = 3
) -> dict[str, Tensor]:
    """Logits, query and every gradient of one step, by name."""
    model.zero_grad()
    out = forward(images(count))
    loss = F.cross_entropy(20 * out.logits, torch.arange(count) % CLASSES)
    if out.match is not None:
        loss = loss - out.match.similarity.mean()
    torch.autograd.backward(loss)
    trainable = {"shared": model.shared, "pool": model.pool, "classifier": model.classifier}
    if model.adapters is not None:
        trainable["adapters"] = model.adapters
    gradients = {
        f"{role}.{name}": parameter.grad
        for role, module in trainable.items()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }
    return {"logits": out.logits.detach(), "query": out.query.detach(), **gradients}


def assert_same(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(1.0, float(value.abs().max()))
        torch.testing.assert_close(
            actual[name], value, atol=2e-5 * scale, rtol=0, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("adapters", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_phase_one_equals_appended_tokens_with_their_gradients(kind, adapters):
    model = build(adapters=adapters, **KINDS[kind])
    assert_same(step(model, model.phase1), step(model, PlainModel(model).phase1))


@pytest.mark.parametrize("reads_both", [False, True])
@pytest.mark.parametrize("adapters", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_phase_two_equals_two_full_passes_with_their_gradients(kind, adapters, reads_both):
    model = build(adapters=adapters, reads_both=reads_both, **KINDS[kind])
    assert_same(step(model, model), step(model, PlainModel(model)))


def test_both_passes_rank_classes_by_the_mean_of_their_cosines():
    model, one = build(reads_both=True), build()
    with torch.no_grad():
        first, second, both = one.phase1(images()), one(images()), model(images())
    mean = (first.logits + second.logits) / 2
    length = both.feature.norm(dim=1, keepdim=True) / 2
    torch.testing.assert_close(both.logits * length, mean, atol=1e-6, rtol=0)
    assert torch.equal(both.query, first.feature)


@settings(max_examples=15)
@given(data=st.data())
def test_any_shape_of_prompts_equals_the_plain_method(data):
    pool = data.draw(st.integers(1, 5), "M")
    shape = PromptShape(
        length=data.draw(st.integers(1, 4), "P"),
        shared_blocks=data.draw(st.integers(1, DEPTH - 1), "K"),
        pool_size=pool,
        top_k=data.draw(st.integers(1, pool), "T"),
    )
    model = build(shape)
    count = data.draw(st.integers(1, 3), "B")
    assert_same(step(model, model, count), step(model, PlainModel(model), count))


@pytest.mark.parametrize("feature", ["token", "avg"])
@pytest.mark.parametrize("kind", ["plain", "query-key norm"])
def test_blocks_that_are_computed_again_give_the_same_bits(kind, feature):
    model = build(adapters=2, global_pool=feature, **KINDS[kind])
    for forward in (model.phase1, model):
        model.recompute = False
        usual = step(model, forward)
        model.recompute = True
        again = step(model, forward)
        assert usual.keys() == again.keys()
        assert [name for name in usual if not torch.equal(usual[name], again[name])] == []


def test_prompts_and_matching_matter():
    model = build()
    first, second = model.phase1(images()), model(images())
    assert (first.logits - second.logits).abs().max() > 1e-3
    before = model.phase1(images()).logits
    with torch.no_grad():
        model.shared.prompts.neg_()
    assert (model.phase1(images()).logits - before).abs().max() > 1e-2


def test_the_query_of_phase_two_is_the_feature_of_phase_one():
    model = build()
    query, feature = model(images()).query, model.phase1(images()).feature
    torch.testing.assert_close(query, feature, atol=1e-6, rtol=0)


def test_phase_two_from_a_kept_prefix_is_phase_two():
    model = build()
    with torch.no_grad():
        prefix = model.prefix(images())
    torch.testing.assert_close(
        model.phase2(prefix).logits, model(images()).logits, atol=1e-6, rtol=0
    )


def test_predict_runs_the_passes_that_the_model_was_trained_for():
    model = build().eval()
    expected = model(images())
    assert_predicts(model, expected)
    torch.testing.assert_close(model.predict(images()).match.ids, expected.match.ids)
    model.phases = 1
    assert_predicts(model, model.phase1(images()))


def test_phases_are_an_argument_and_either_one_or_two():
    model = LongTailedPromptModel(FrozenViT(vit()), CLASSES, sizes(), phases=1)
    assert model.phases == 1
    assert model.predict(images()).match is None
    with pytest.raises(ValueError, match="phases=3: choose 1 or 2"):
        model.phases = 3


@pytest.mark.parametrize("top", [1, 2, 3])
def test_predict_notices_every_change_of_a_prompt(top):
    model = build(sizes(length=3, pool_size=4, top_k=top)).eval()
    assert_predicts(model, model(images()))
    for parameter in (model.shared.prompts, model.pool.prompts, model.pool.keys):
        before = model.predict(images()).logits
        with torch.no_grad():
            parameter.neg_()
        assert (model.predict(images()).logits - before).abs().max() > 1e-4
        assert_predicts(model, model(images()))


def test_released_tables_are_computed_again_with_the_same_bits():
    model = build().eval()
    before = model.predict(images())
    assert tables_of(model.backbone).nbytes > 0
    model.release_tables()
    assert tables_of(model.backbone).nbytes == 0
    assert torch.equal(model.predict(images()).logits, before.logits)


def test_adapters_change_both_passes_and_predictions_follow_them():
    model = build(adapters=3).eval()
    without = build().eval()
    assert (model.phase1(images()).logits - without.phase1(images()).logits).abs().max() > 1e-2
    assert_predicts(model, model(images()))
    before = model.predict(images())
    with torch.no_grad():
        model.adapters.up[-1].neg_()  # of the last block: the query changes, the prefix does not
    after = model.predict(images())
    assert (after.logits - before.logits).abs().max() > 1e-4
    assert (after.query - before.query).abs().max() > 1e-4
    assert_predicts(model, model(images()))


def test_adapters_leave_the_start_of_everything_else_as_it_is():
    """A seed gives the same prompts, keys and classifier with and without adapters."""
    drawn = []
    for width in (0, 3):
        torch.manual_seed(0)
        model = LongTailedPromptModel(FrozenViT(vit()), CLASSES, sizes(), adapter_width=width)
        assert model.adapter_width == width
        drawn.append({n: p for n, p in model.named_parameters() if not n.startswith("adapters")})
    assert drawn[0].keys() == drawn[1].keys()
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in drawn[0])


def assert_predicts(model: LongTailedPromptModel, expected: Output) -> None:
    found = model.predict(images())
    torch.testing.assert_close(found.logits, expected.logits.detach(), atol=1e-6, rtol=0)
    assert not found.logits.requires_grad


# --- what is trained ---------------------------------------------------------------------------


def test_phase_one_trains_only_shared_prompts_and_classifier():
    model = build()
    found = step(model, model.phase1)
    assert found.keys() - {"logits", "query"} == {"shared.prompts", "classifier.weight"}
    assert (found["shared.prompts"].abs().amax(dim=-1) > 0).all()


def test_phase_one_also_trains_every_adapter_and_its_scale_if_asked():
    model = build(adapters=3)
    weights = {f"adapters.{n}" for n in ("down", "down_bias", "up", "up_bias")}
    prompts = {"logits", "query", "shared.prompts", "classifier.weight"}
    found = step(model, model.phase1)
    assert found.keys() - prompts == weights
    assert all((found[name].flatten(1).abs().amax(1) > 0).all() for name in weights)
    model.adapters.scale.requires_grad_(True)
    found = step(model, model.phase1)
    assert found.keys() - prompts == weights | {"adapters.scale"}
    assert (found["adapters.scale"] != 0).all()


def test_phase_two_trains_no_adapter():
    model = build(adapters=3)
    model.adapters.scale.requires_grad_(True)
    found = step(model, model)
    assert found.keys() - {"logits", "query"} == {"pool.prompts", "pool.keys", "classifier.weight"}


def test_phase_two_trains_only_matched_prompts_their_keys_and_the_classifier():
    model = build()
    ids = model(images()).match.ids.unique()
    assert 2 <= len(ids) < model.pool.size
    found = step(model, model)
    assert found.keys() - {"logits", "query"} == {
        "pool.prompts",
        "pool.keys",
        "classifier.weight",
    }
    touched = [found[name].flatten(1).abs().amax(1) > 0 for name in ("pool.prompts", "pool.keys")]
    for rows in touched:
        assert rows.nonzero().flatten().tolist() == ids.tolist()
    assert (found["pool.prompts"][ids].abs().amax(dim=-1) > 0).all()


def test_no_gradient_leaves_through_the_query():
    out = build()(images())
    assert not out.query.requires_grad
    assert out.match.similarity.requires_grad


def test_the_backbone_is_bit_identical_after_training_in_both_phases():
    model = build().train()
    before = hash_weights(model.backbone.model.state_dict())
    trainable = [
        *model.shared.parameters(),
        *model.pool.parameters(),
        *model.classifier.parameters(),
    ]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    start = [p.detach().clone() for p in trainable]
    for forward in (model.phase1, model, model.phase1, model):
        step(model, forward)
        optimizer.step()
    assert hash_weights(model.backbone.model.state_dict()) == before
    assert not any(torch.equal(p, s) for p, s in zip(trainable, start, strict=True))


def test_dropout_acts_on_the_feature_in_training_and_never_on_the_query():
    model = build(dropout=0.5).train()
    torch.manual_seed(0)
    first, second = model(images()), model(images())
    assert torch.equal(first.query, second.query)
    assert torch.equal(first.feature, second.feature)
    assert not torch.equal(first.logits, second.logits)
    model.eval()
    assert torch.equal(model(images()).logits, model(images()).logits)


# --- sizes ------------------------------------------------------------------------------------


def test_vit_b_16_has_the_papers_number_of_prompt_parameters():
    with torch.device("meta"):
        backbone = FrozenViT(timm.create_model("vit_base_patch16_224", num_classes=0))
        model = LongTailedPromptModel(backbone, num_classes=365, shape=sizes())
    assert model.shared.prompts.numel() == 92_160
    assert model.pool.prompts.numel() == 921_600
    assert model.shared.prompts.numel() + model.pool.prompts.numel() == 1_013_760
    assert model.pool.keys.numel() == 15_360
