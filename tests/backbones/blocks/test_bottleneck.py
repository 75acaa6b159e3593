"""The bottleneck of an adapter: shared by all images, or one per image."""

import torch

from lpt.backbones.blocks.bottleneck import Bottleneck


def drawn(*images: int) -> Bottleneck:
    generator = torch.Generator().manual_seed(0)
    sizes = ((6, 2), (2,), (2, 6), (6,))
    return Bottleneck(*(torch.randn(*images, *size, generator=generator) for size in sizes))


def test_an_adapter_per_image_acts_like_a_shared_one_on_each():
    each, tokens = drawn(3), torch.randn(3, 4, 6)
    together = each.added(tokens)
    for i, image in enumerate(tokens):
        own = Bottleneck(*(tensor[i] for tensor in each))
        torch.testing.assert_close(together[i : i + 1], own.added(image.unsqueeze(0)))
    assert (together[0] - each.added(tokens.flip(0))[2]).abs().max() > 1e-2


def test_in_bf16_it_gives_bf16_as_the_mlp_does():
    """So that it adds no pass over memory in float32."""
    with torch.autocast("cpu", torch.bfloat16):
        for adapter in (drawn(), drawn(3)):
            assert adapter.added(torch.randn(3, 4, 6)).dtype == torch.bfloat16
