"""Micro-batches cover a step, and each image keeps its branch."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lpt.training.engine.step_batch import StepBatch


@given(st.integers(1, 9), st.integers(1, 3), st.integers(1, 40))
def test_parts_cover_every_image_once_and_know_their_branch(size, branches, images):
    total = size * branches
    labels = torch.arange(total)
    whole = StepBatch({"images": labels}, labels, None, None, None, first=0, total=total)
    parts = list(whole.parts(images))
    assert torch.equal(torch.cat([part.labels for part in parts]), labels)
    assert all(len(part.labels) <= images for part in parts)
    for branch in range(branches):
        owned = [part.labels[part.rows_of_branch(branch, branches)] for part in parts]
        assert torch.equal(torch.cat(owned), labels[branch * size : (branch + 1) * size])


def test_a_part_selects_the_random_numbers_of_its_images():
    labels = torch.arange(6)
    noise, share = torch.randn(6, 3), torch.rand(6)
    whole = StepBatch({"mask": share > 0.5}, labels, noise, labels.flip(0), share, 0, 6)
    part = whole.part(slice(2, 5)).part(slice(1, 3))
    assert (part.first, part.total) == (3, 6)
    assert torch.equal(part.labels, labels[3:5])
    assert torch.equal(part.inputs["mask"], (share > 0.5)[3:5])
    assert torch.equal(part.noise, noise[3:5])
    assert torch.equal(part.partner_labels, labels.flip(0)[3:5])
    assert torch.equal(part.share, share[3:5])
