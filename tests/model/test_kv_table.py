"""Keys and values looked up are those computed, for every choice of prompts that fits."""

from itertools import permutations

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from lpt.backbones import FrozenViT
from lpt.model.kv_table import PromptTable

DEPTH, SUFFIX, LENGTH, WIDTH, SIZE = 4, 2, 3, 16, 5


@pytest.fixture
def backbone() -> FrozenViT:
    return FrozenViT(
        VisionTransformer(
            img_size=8, patch_size=4, embed_dim=WIDTH, depth=DEPTH, num_heads=2, num_classes=0
        )
    )


@pytest.mark.parametrize("top", [1, 2])
def test_every_choice_has_the_keys_and_values_of_its_mean(backbone, top):
    shared, group = torch.randn(DEPTH, LENGTH, WIDTH), torch.randn(SIZE, SUFFIX, LENGTH, WIDTH)
    table = PromptTable(backbone, shared, group, top)
    ids = torch.tensor(list(permutations(range(SIZE), top)))
    means = group[ids].mean(1)
    expected = backbone.prompts_kv(means.unbind(1), first=DEPTH - SUFFIX)
    for found, wanted in zip(table.of(ids), expected, strict=True):
        torch.testing.assert_close(found.key, wanted.key, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.value, wanted.value, atol=1e-5, rtol=0)
    for found, wanted in zip(table.shared, backbone.prompts_kv(shared), strict=True):
        assert torch.equal(found.key, wanted.key)


def test_a_table_that_does_not_fit_is_not_made(backbone):
    shared, group = torch.randn(DEPTH, LENGTH, WIDTH), torch.randn(SIZE, SUFFIX, LENGTH, WIDTH)
    ids = torch.tensor([[0, 1]])
    needed = 10 * SUFFIX * LENGTH * 2 * WIDTH * 4
    assert PromptTable(backbone, shared, group, 2, limit_bytes=needed).of(ids) is not None
    assert PromptTable(backbone, shared, group, 2, limit_bytes=needed - 1).of(ids) is None
    assert PromptTable(backbone, shared, group, 3).of(torch.tensor([[0, 1, 2]])) is None
    assert PromptTable(backbone, shared).of(ids) is None


def test_it_knows_what_it_was_made_of(backbone):
    shared, group = torch.randn(DEPTH, LENGTH, WIDTH), torch.randn(SIZE, SUFFIX, LENGTH, WIDTH)
    table = PromptTable(backbone, shared, group, 2)
    assert table.made_of(shared.clone(), group.clone())
    assert not table.made_of(shared)
    group[0, 0, 0, 0] += 1
    assert not table.made_of(shared, group)
