"""Norm tuning trains LayerNorms through the fast blocks of the frozen backbone."""

import torch

from lpt.baselines.tuned_vit import TunedViT, norm_parameters


def test_gradients_equal_those_of_timms_blocks(backbone, images):
    found, wanted = (
        TunedViT(backbone, norm_parameters, trains_linears=slow) for slow in (False, True)
    )
    for encoder in (found, wanted):
        encoder(images).square().sum().backward()
    for one, other in zip(found.tuned, wanted.tuned, strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-3)
