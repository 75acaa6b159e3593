"""The test suite checks the shapes that signatures state (tests/conftest.py)."""

import pytest
import torch
from jaxtyping import TypeCheckError

from lpt.backbones.attention import attend
from lpt.records import Output


def test_a_shape_that_contradicts_a_signature_is_noticed():
    query = torch.zeros(2, 1, 3, 4)
    with pytest.raises(TypeCheckError):
        attend(query, query, torch.zeros(2, 1, 5, 4), (), 1.0)


def test_a_record_of_contradicting_sizes_is_noticed():
    with pytest.raises(TypeCheckError):
        Output(torch.zeros(2, 3), torch.zeros(4, 8), torch.zeros(4, 8))
