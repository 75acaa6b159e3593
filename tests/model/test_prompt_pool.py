"""Matching: cosine, nearest first, averaged; gradients to what was chosen."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lpt.errors import ShapeError
from lpt.model.prompt_pool import PromptPool


def pool(keys: list[list[float]], blocks: int = 2, length: int = 3) -> PromptPool:
    """Group prompt i holds i everywhere."""
    made = PromptPool(len(keys), blocks, length, len(keys[0]), len(keys[0]))
    with torch.no_grad():
        made.keys.copy_(torch.tensor(keys))
        made.prompts.copy_(torch.arange(len(keys)).view(-1, 1, 1, 1).expand_as(made.prompts))
    return made


THREE = [[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]
"""Keys along +x, +y and -x, of lengths 1, 2 and 3."""


def test_three_keys_by_hand():
    """(3, 4) is 0.6 from +x and 0.8 from +y; (-1, 0) is 1 from -x and 0 from +y."""
    match = pool(THREE).match(torch.tensor([[3.0, 4.0], [-1.0, 0.0]]), top=2)
    assert match.ids.tolist() == [[1, 0], [2, 1]]
    torch.testing.assert_close(match.similarity, torch.tensor([[0.8, 0.6], [1.0, 0.0]]))
    assert match.prompts.shape == (2, 2, 3, 2)
    torch.testing.assert_close(match.prompts[0], torch.full((2, 3, 2), 0.5))
    torch.testing.assert_close(match.prompts[1], torch.full((2, 3, 2), 1.5))


def test_one_match_is_the_nearest_prompt_itself():
    match = pool(THREE).match(torch.tensor([[3.0, 4.0]]), top=1)
    assert match.ids.tolist() == [[1]]
    assert (match.prompts == 1).all()


def test_all_matches_average_the_whole_pool():
    match = pool(THREE).match(torch.tensor([[3.0, 4.0]]), top=3)
    assert match.ids.tolist() == [[1, 0, 2]]
    torch.testing.assert_close(match.prompts, torch.ones(1, 2, 3, 2))


@pytest.mark.parametrize("top", [0, -1, 4])
def test_more_matches_than_keys_or_none_are_refused(top):
    with pytest.raises(ValueError, match=rf"top={top} is outside \[1, 3\]"):
        pool(THREE).match(torch.ones(1, 2), top=top)


def test_a_query_of_another_width_is_refused_with_both_sizes():
    with pytest.raises(ShapeError, match=r"\(4, 3\) for keys of width 2"):
        pool(THREE).match(torch.ones(4, 3), top=2)


@given(
    seed=st.integers(0, 2**16),
    size=st.integers(1, 6),
    length=st.floats(1e-3, 1e3),
    data=st.data(),
)
def test_neither_length_of_query_nor_of_keys_matters(seed, size, length, data):
    torch.manual_seed(seed)
    made = PromptPool(size, 2, 3, 8, 8)
    top = data.draw(st.integers(1, size))
    query = torch.randn(4, 8)
    expected = made.match(query, top)
    with torch.no_grad():
        made.keys.mul_(torch.rand(size, 1) + 0.5)
    actual = made.match(length * query, top)
    torch.testing.assert_close(actual.similarity, expected.similarity, atol=1e-5, rtol=0)
    assert actual.ids.tolist() == expected.ids.tolist()


@given(seed=st.integers(0, 2**16), data=st.data())
def test_similarity_falls_along_the_matches_and_stays_a_cosine(seed, data):
    torch.manual_seed(seed)
    made = PromptPool(6, 1, 1, 4, 4)
    top = data.draw(st.integers(1, 6))
    match = made.match(torch.randn(5, 4), top)
    assert (match.similarity.diff(dim=1) <= 0).all()
    assert (match.similarity.abs() <= 1 + 1e-6).all()
    assert all(len(set(row)) == top for row in match.ids.tolist())
    by_hand = torch.stack([made.prompts[row].mean(0) for row in match.ids])
    torch.testing.assert_close(match.prompts, by_hand, atol=1e-6, rtol=0)


def test_gradients_reach_only_the_matched_keys_and_prompts():
    made = pool(THREE)
    query = torch.tensor([[3.0, 4.0]], requires_grad=True)
    match = made.match(query, top=2)
    (match.similarity.sum() + match.prompts.sum()).backward()
    assert query.grad is None
    assert rows_with_gradient(made.keys) == [0, 1]
    assert rows_with_gradient(made.prompts) == [0, 1]
    torch.testing.assert_close(made.prompts.grad[:2], torch.full((2, 2, 3, 2), 0.5))


def rows_with_gradient(parameter: Tensor) -> list[int]:
    return parameter.grad.flatten(1).abs().amax(1).nonzero().flatten().tolist()
