import torch

from lpt.model.shared_prompts import SharedPrompts, truncated_normal


def test_prompts_start_from_a_normal_of_spread_002_cut_at_two_spreads():
    torch.manual_seed(0)
    drawn = truncated_normal(100, 100)
    assert drawn.abs().max() <= 0.04
    assert drawn.mean().abs() < 1e-3
    assert 0.0165 < drawn.std() < 0.0187  # 0.88 of 0.02: the cut takes the tails


def test_every_block_has_prompts_of_its_own():
    prompts = SharedPrompts(12, 10, 8).prompts
    assert prompts.shape == (12, 10, 8)
    assert prompts.requires_grad
    assert not torch.equal(prompts[0], prompts[1])
