"""Sizes of prompts are completed and checked before anything is built."""

from dataclasses import replace

import pytest

from lpt.errors import ConfigError
from lpt.model.prompt_shape import PromptShape

PAPER = PromptShape(length=10, shared_blocks=None, pool_size=20, top_k=2)


def test_half_of_the_blocks_hold_the_shared_prompt_alone_unless_said_otherwise():
    assert PAPER.resolved(12).shared_blocks == 6
    assert replace(PAPER, shared_blocks=4).resolved(12).shared_blocks == 4


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (replace(PAPER, shared_blocks=0), r"shared_blocks=0: choose 1\.\.11 for 12 blocks"),
        (replace(PAPER, shared_blocks=12), r"shared_blocks=12: choose 1\.\.11"),
        (replace(PAPER, length=0), r"prompts\.length=0"),
        (replace(PAPER, pool_size=0), r"prompts\.pool_size=0"),
        (replace(PAPER, top_k=0), r"prompts\.top_k=0: choose 1\.\.20"),
        (replace(PAPER, top_k=21), r"prompts\.top_k=21: choose 1\.\.20"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_name_value_and_range(shape, message):
    with pytest.raises(ConfigError, match=message):
        shape.resolved(12)
