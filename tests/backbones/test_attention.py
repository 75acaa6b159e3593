"""Attention with prompts equals softmax attention over tokens and prompts together."""

from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lpt.backbones.attention import (
    Projection,
    PromptKV,
    attend,
    attend_from_class_token,
    attend_with_keys,
)

HEADS, HEAD_WIDTH = 2, 8


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_hand(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    sets: list[PromptKV],
    scale: float,
    bias: Tensor | None = None,
) -> Tensor:
    batch = len(query)
    keys = torch.cat([key, *(p.key.expand(batch, -1, -1, -1) for p in sets)], dim=2)
    values = torch.cat([value, *(p.value.expand(batch, -1, -1, -1) for p in sets)], dim=2)
    logits = scale * query @ keys.mT
    if bias is not None:
        logits[..., : bias.shape[-1]] += bias
    return logits.softmax(-1) @ values


@settings(max_examples=30)
@given(
    batch=st.integers(1, 3),
    tokens=st.integers(1, 9),
    trainable=st.integers(0, 2),
    fixed=st.integers(0, 2),
    tokens_trainable=st.booleans(),
    spread=st.sampled_from([0.1, 1.0, 2.0]),
    biased=st.booleans(),
)
def test_value_and_gradients_are_those_of_one_softmax(
    batch, tokens, trainable, fixed, tokens_trainable, spread, biased
):
    """Attention to constant tokens is computed separately, with the same result."""
    results = []
    for function in (attend, by_hand):
        query, key, value = (
            (spread * draw(batch, HEADS, tokens, HEAD_WIDTH, seed=i)).requires_grad_(
                tokens_trainable
            )
            for i in range(3)
        )
        sets = [
            PromptKV(
                *(
                    (spread * draw((1, batch)[i % 2], HEADS, 2 + i, HEAD_WIDTH, seed=j)).detach()
                    for j in (10 * i + 11, 10 * i + 12)
                )
            )
            for i in range(trainable + fixed)
        ]
        for prompt in sets[:trainable]:
            prompt.key.requires_grad_()
            prompt.value.requires_grad_()
        bias = draw(1, HEADS, tokens, tokens, seed=9) if biased else None
        out = function(query, key, value, sets, 0.3, bias)
        inputs = [t for t in (query, key, value, *chain(*sets)) if t.requires_grad]
        gradients = torch.autograd.grad(out.square().sum(), inputs) if inputs else ()
        results.append([out.detach(), *gradients])
    for actual, expected in zip(*results, strict=True):
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(actual, expected, atol=1e-4 * scale, rtol=0)


def test_constant_attention_keeps_nothing_of_the_tokens_for_the_backward_pass():
    """Of 400 tokens only what the prompts' own softmax needs is saved, not keys and values."""
    query, key, value = (draw(1, HEADS, 400, HEAD_WIDTH, seed=i) for i in range(3))
    prompt = PromptKV(*(draw(1, HEADS, 2, HEAD_WIDTH, seed=i).requires_grad_() for i in (4, 5)))
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        attend(query, key, value, [prompt], 0.3)
    storages = {t.untyped_storage().data_ptr() for t in kept}
    assert key.untyped_storage().data_ptr() not in storages
    assert value.untyped_storage().data_ptr() not in storages


def test_without_prompts_it_is_plain_attention():
    query, key, value = (draw(2, HEADS, 5, HEAD_WIDTH, seed=i) for i in range(3))
    expected = by_hand(query, key, value, [], 0.5)
    assert attend(query, key, value, (), 0.5) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shared", [1, 3])
def test_the_class_token_attends_without_values_of_patches_and_without_keys(shared):
    """Both short cuts equal attention with keys and values formed, a bias included."""
    width = HEADS * HEAD_WIDTH
    normed, query = draw(3, 5, width, seed=1), draw(3, HEADS, 1, HEAD_WIDTH, seed=2)
    to_key, to_value = (
        Projection(draw(HEADS, HEAD_WIDTH, width, seed=i), draw(HEADS, HEAD_WIDTH, seed=i + 1))
        for i in (3, 5)
    )
    key, value = (
        torch.einsum("btw,hdw->bhtd", normed, p.weight) + p.bias.unsqueeze(1)
        for p in (to_key, to_value)
    )
    sets = [PromptKV(*(draw(shared, HEADS, 2, HEAD_WIDTH, seed=i) for i in (7, 8)))]
    bias = draw(1, HEADS, 1, 5, seed=9)
    without = attend_from_class_token(query, normed, to_key, to_value, sets, 0.1, bias)
    expected = by_hand(query, key, value, sets, 0.1, bias)
    torch.testing.assert_close(without, expected, atol=1e-4, rtol=0)
    with_keys = attend_with_keys(query, key, normed, to_value, sets, 0.1)
    expected = by_hand(query, key, value, sets, 0.1)
    torch.testing.assert_close(with_keys, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("biased", [False, True])
def test_bf16_on_a_cpu_is_float32_to_its_rounding_values_and_gradients(biased):
    bias, results = draw(1, HEADS, 6, 6, seed=9) if biased else None, []
    for dtype in (torch.float32, torch.bfloat16):
        tensors = [draw(3, HEADS, 6, HEAD_WIDTH, seed=i).to(dtype).float() for i in range(3)]
        tensors += [draw(1, HEADS, 4, HEAD_WIDTH, seed=i).to(dtype).float() for i in (3, 4)]
        tensors = [t.to(dtype).requires_grad_() for t in tensors]
        out = attend(*tensors[:3], [PromptKV(*tensors[3:])], 0.3, bias)
        out.square().sum().backward()
        assert out.dtype == dtype
        results.append([out, *(t.grad for t in tensors)])
    for wanted, found in zip(*results, strict=True):
        assert (found.float() - wanted).norm() <= 0.02 * wanted.norm()


def test_bf16_on_a_cpu_is_left_to_products(monkeypatch):
    """torch's fused attention is slower there (docs/benchmarks.md)."""

    def fused(*_: object, **__: object) -> Tensor:
        raise AssertionError("fused attention was asked")

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", fused)
    query, key, value = (draw(2, HEADS, 3, HEAD_WIDTH, seed=i).bfloat16() for i in range(3))
    assert attend(query, key, value, [], 0.3).shape == query.shape


def test_the_gradient_of_a_query_with_two_prompt_sets_has_the_bits_of_0_1_0():
    """Terms are added in the reverse order of their making; another order rounds otherwise."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*size):
        return torch.randn(*size, generator=generator)

    normed = drawn(3, 9, 8)
    to_key, to_value = (Projection(drawn(2, 4, 8), drawn(2, 4)) for _ in range(2))
    sets = [PromptKV(drawn(3, 2, 5, 4), drawn(3, 2, 5, 4)) for _ in range(2)]
    queries = [drawn(3, 2, 1, 4).requires_grad_()]
    queries.append(queries[0].detach().clone().requires_grad_())

    query = queries[0]
    asked = torch.einsum("bhd,hdw->bhw", query[:, :, 0], to_key.weight)
    logits = [asked @ normed.mT, *((query @ p.key.mT).squeeze(2) for p in sets)]
    logits[0] = logits[0] + (query[:, :, 0] * to_key.bias).sum(-1, keepdim=True)
    weights, *shares = (0.5 * torch.cat(logits, -1)).softmax(-1).split([9, 5, 5], -1)
    mixed = torch.einsum("bhw,hdw->bhd", weights @ normed, to_value.weight)
    mixed = (mixed + weights.sum(-1, keepdim=True) * to_value.bias).unsqueeze(2)
    for share, prompts in zip(shares, sets, strict=True):
        mixed = mixed + share.unsqueeze(2) @ prompts.value
    mixed.square().sum().backward()

    found = attend_from_class_token(queries[1], normed, to_key, to_value, sets, 0.5)
    found.square().sum().backward()
    torch.testing.assert_close(found, mixed)
    assert torch.equal(queries[1].grad, query.grad)
