"""Prompts chosen early: exact where the estimate is not relied on, and never worse for it."""

import math

import pytest
import torch
from torch import Tensor

from lpt.model.early_fit import fit_ridge
from lpt.model.early_match import EarlyMatch, choose_nearest, early_features, margins_of
from lpt.model.two_pass import LongTailedPromptModel

from .test_two_pass import WIDTH, build, images, sizes

MANY = 40


@pytest.fixture(params=[1, 2])
def model(request: pytest.FixtureRequest) -> LongTailedPromptModel:
    made = build(sizes(length=3, pool_size=6, top_k=request.param), adapters=2).eval()
    others = torch.randn(60, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        shared = made.shared_parts()
        prefix = made.prefix(others, shared)
        features = made.early_features(prefix.tokens, shared)
        exact = made.pool.similarity(prefix.query)
        weight, bias = fit_ridge(features, exact, 0.01)
        error = torch.randn(weight.shape, generator=torch.Generator().manual_seed(3))
        error *= margins_of(exact, request.param).median() / (features @ error.T).std(0).mean()
    made.early = EarlyMatch.of(weight + error, bias - error @ features.mean(0))
    return made


def agreeing(model: LongTailedPromptModel, margin: float) -> Tensor:
    """Images whose prompts are those that the query matches."""
    found = model.predict(images(MANY), margin).match.ids
    wanted = model.predict(images(MANY)).match.ids
    return (found.sort(1).values == wanted.sort(1).values).all(1)


def test_a_map_changes_no_exact_prediction(model):
    output = model.predict(images())
    model.early = None
    without = model.predict(images())
    for name in ("logits", "feature", "query"):
        assert torch.equal(getattr(output, name), getattr(without, name))


def test_an_infinite_margin_gives_the_exact_prediction(model):
    exact, queried = model.predict(images(MANY)), model.predict(images(MANY), math.inf)
    for name in ("logits", "feature"):
        assert torch.equal(getattr(exact, name), getattr(queried, name))
    assert torch.equal(exact.match.ids, queried.match.ids)
    assert torch.equal(exact.match.similarity, queried.match.similarity)


def test_a_larger_margin_never_agrees_on_fewer_images(model):
    before = agreeing(model, 0.0)
    assert 0 < before.sum() < MANY
    for margin in (0.001, 0.003, 0.01, 0.1, 10.0):
        now = agreeing(model, margin)
        assert (now | ~before).all()
        before = now
    assert before.all()


def test_without_a_margin_no_query_is_computed(model, monkeypatch):
    passes, finish = [], model.backbone.finish
    monkeypatch.setattr(
        model.backbone, "finish", lambda t, *a, **k: passes.append(len(t)) or finish(t, *a, **k)
    )
    output = model.predict(images(MANY), 0.0)
    assert passes == [MANY]  # the second pass
    assert output.query is None
    shared = model.shared_parts()
    features = model.early_features(model.tokens(images(MANY), shared), shared)
    estimate = model.early(features).detach()
    margin = float(margins_of(estimate, model.shape.top_k).quantile(0.5))  # between two images
    unclear = choose_nearest(estimate, model.shape.top_k, margin).unclear
    passes.clear()
    model.predict(images(MANY), margin)
    assert passes == [int(unclear.sum()), MANY]
    assert 0 < unclear.sum() < MANY


def test_images_that_agree_have_the_exact_logits(model):
    same = agreeing(model, 0.0)
    early, exact = model.predict(images(MANY), 0.0), model.predict(images(MANY))
    torch.testing.assert_close(early.logits[same], exact.logits[same], atol=1e-5, rtol=0)
    assert (early.logits[~same] - exact.logits[~same]).abs().max() > 1e-3


def test_where_all_prompts_match_every_estimate_is_clear():
    model = build(sizes(length=3, pool_size=2, top_k=2)).eval()
    model.early = EarlyMatch(2, WIDTH)
    torch.testing.assert_close(
        model.predict(images(), 5.0).logits, model.predict(images()).logits, atol=1e-6, rtol=0
    )


def test_the_map_reads_the_glance_the_class_token_and_the_mean_of_the_others():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [5.0, 7.0]]])
    glance = torch.tensor([[8.0, 9.0]])
    assert early_features(tokens, glance).tolist() == [[8.0, 9.0, 1.0, 2.0, 4.0, 6.0]]


def test_a_glance_over_one_block_is_the_query():
    """Behind K = L - 1, the last block needs no other patch tokens than those it is given."""
    model = build(sizes(length=3, pool_size=6, shared_blocks=3), adapters=2).eval()
    shared = model.shared_parts()
    glance = model.early_features(model.tokens(images(), shared), shared)[:, :WIDTH]
    torch.testing.assert_close(glance, model(images()).query, atol=1e-6, rtol=0)
