"""Adapters compute the paper's equation; only their parameters are trained."""

import torch
import torch.nn.functional as F

from lpt.baselines.methods.adapter import AdapterOptions, insert_adapters
from lpt.baselines.tuned_vit import TunedViT

from ..tiny import class_token, disturb


def test_adapters_are_added_in_parallel_to_the_mlp(backbone, images):
    """x + MLP(n) + s (ReLU(n W_down + b) W_up + c), with n = norm(x); equation by equation."""
    encoder = TunedViT(backbone, lambda vit: insert_adapters(vit, AdapterOptions(bottleneck=4)))
    disturb(encoder)
    tokens = backbone.embed(images)
    for plain, block in zip(backbone.blocks, encoder.vit.blocks, strict=True):
        tokens = tokens + plain.attn(plain.norm1(tokens))
        n, adapter = plain.norm2(tokens), block.mlp.adapter
        hidden = F.relu(n @ adapter.down.weight.T + adapter.down.bias)
        added = 0.1 * (hidden @ adapter.up.weight.T + adapter.up.bias)
        tokens = tokens + plain.mlp(n) + added
    torch.testing.assert_close(encoder(images), class_token(backbone, tokens), atol=1e-5, rtol=1e-4)
