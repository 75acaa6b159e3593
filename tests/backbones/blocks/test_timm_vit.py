"""The wrapper of timm's block: it equals the block, follows its changes, and refuses the rest."""

import pytest
import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.blocks.protocol import PromptedBlock
from lpt.backbones.blocks.timm_vit import TimmViTBlock

WIDTH, HEADS = 16, 2


def block(**changes: object) -> Block:
    torch.manual_seed(0)
    made = Block(WIDTH, HEADS, qkv_bias=True, **changes).eval()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made


def tokens() -> Tensor:
    return torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(1))


CHANGES = [{}, {"init_values": 0.5}, {"qk_norm": True}, {"scale_attn_norm": True}]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_without_prompts_it_computes_the_block_of_timm(changes):
    wrapped, x = block(**changes), tokens()
    prompted = TimmViTBlock.of(wrapped)
    torch.testing.assert_close(prompted.run(x, ()), wrapped(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        prompted.run_class_token(x, ()), wrapped(x)[:, :1], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_prompts_equal_appended_tokens(changes):
    wrapped, x = block(**changes), tokens()
    prompted, prompts = TimmViTBlock.of(wrapped), torch.randn(1, 3, WIDTH)
    expected = wrapped(torch.cat([x, prompts.expand(2, -1, -1)], dim=1))[:, :5]
    extra = [prompted.prompt_kv(prompts)]
    torch.testing.assert_close(prompted.run(x, extra), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        prompted.run_class_token(x, extra), expected[:, :1], atol=1e-5, rtol=0
    )


def test_an_adapter_acts_on_all_tokens_and_on_the_class_token_alike():
    prompted, x = TimmViTBlock.of(block(init_values=0.5)), tokens()
    adapter = Bottleneck(*(torch.randn(*size) for size in ((WIDTH, 2), (2,), (2, WIDTH), (WIDTH,))))
    whole = prompted.run(x, (), adapter)
    torch.testing.assert_close(prompted.run_class_token(x, (), adapter), whole[:, :1])
    assert (whole - prompted.run(x, ())).abs().amin(dim=1).max() > 1e-2


def test_a_replaced_submodule_takes_effect():
    wrapped, x = block(), tokens()
    prompted = TimmViTBlock.of(wrapped)
    before = prompted.run(x, ())
    wrapped.mlp = nn.Identity()
    assert not torch.equal(prompted.run(x, ()), before)


def test_it_follows_the_protocol():
    assert isinstance(TimmViTBlock.of(block()), PromptedBlock)


def test_it_has_the_number_of_heads():
    assert TimmViTBlock.of(block()).heads == HEADS


def test_another_kind_of_attention_is_not_wrapped():
    wrapped = block()
    wrapped.attn = nn.Identity()
    assert TimmViTBlock.of(wrapped) is None
