"""Keys and values looked up are those computed, for every choice of prompts that fits."""

import gc
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from lpt.backbones import FrozenViT
from lpt.model.kv_table import PromptTable, PromptTables, tables_of

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


class Owner:
    """Stands for a model."""


def prompts() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(DEPTH, LENGTH, WIDTH), torch.randn(SIZE, SUFFIX, LENGTH, WIDTH)


def test_a_table_depends_on_the_number_of_matched_prompts_too(backbone):
    shared, group = prompts()
    table = PromptTable(backbone, shared, group, 2)
    assert table.made_of(shared, group, 2)
    assert not table.made_of(shared, group, 1)
    assert not table.made_of(shared.double(), group)


def test_models_with_equal_prompts_share_one_table(backbone):
    tables, (shared, group) = PromptTables(), prompts()
    one, two = Owner(), Owner()
    table = tables.get(one, backbone, shared, group, 2)
    assert tables.get(two, backbone, shared.clone(), group.clone(), 2) is table
    assert tables.nbytes == table.nbytes
    tables.release(one)
    assert tables.nbytes == table.nbytes
    assert tables.get(one, backbone, shared, group, 2) is table
    assert tables.get(one, backbone, shared, group + 1, 2) is not table


def test_the_tables_of_fifty_models_stay_within_the_budget(backbone):
    sets = [prompts() for _ in range(50)]
    size = PromptTable(backbone, *sets[0], 2).nbytes
    tables, owners = PromptTables(3 * size), [Owner() for _ in sets]
    for owner, (shared, group) in zip(owners, sets, strict=True):
        table = tables.get(owner, backbone, shared, group, 2)
        assert table.made_of(shared, group, 2)
        assert tables.nbytes <= 3 * size
    assert tables.nbytes == 3 * size


def test_the_table_used_longest_ago_is_released_first(backbone):
    sets, owners = [prompts() for _ in range(3)], [Owner() for _ in range(3)]
    tables = PromptTables(2 * PromptTable(backbone, *sets[0], 2).nbytes)

    def get(i: int) -> PromptTable:
        return tables.get(owners[i], backbone, *sets[i], 2)

    first, second = get(0), get(1)
    assert get(0) is first
    get(2)
    assert get(0) is first
    assert get(1) is not second


def test_one_table_above_the_budget_is_kept(backbone):
    tables, owner, (shared, group) = PromptTables(1), Owner(), prompts()
    table = tables.get(owner, backbone, shared, group, 2)
    assert tables.get(owner, backbone, shared, group, 2) is table


def test_a_table_goes_with_its_model_and_tables_with_their_backbone(backbone):
    tables, (shared, group) = tables_of(backbone), prompts()
    assert tables_of(backbone) is tables
    owner = Owner()
    tables.get(owner, backbone, shared, group, 2)
    assert tables.nbytes > 0
    del owner
    gc.collect()
    assert tables.nbytes == 0


def test_threads_get_the_tables_of_their_own_models(backbone):
    sets, owners = [prompts() for _ in range(8)], [Owner() for _ in range(8)]
    tables = PromptTables(2 * PromptTable(backbone, *sets[0], 2).nbytes)

    def use(turn: int) -> bool:
        i = turn % 8
        return tables.get(owners[i], backbone, *sets[i], 2).made_of(*sets[i], 2)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(80)))
