import hashlib
import struct

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lpt.backbones import hash_weights


def test_the_hash_is_of_name_dtype_shape_and_little_endian_values_in_order_of_names():
    tensors = {"b": torch.tensor([[1.0, -2.0]]), "a": torch.tensor(3)}
    expected = hashlib.sha256(
        b"a int64 \n" + struct.pack("<q", 3) + b"b float32 1x2\n" + struct.pack("<2f", 1.0, -2.0)
    )
    assert hash_weights(tensors) == expected.hexdigest()


def test_half_precision_hashes_like_its_float32_copy():
    half = {"w": torch.linspace(-1, 1, 7).half()}
    assert hash_weights(half) == hash_weights({"w": half["w"].float()})
    assert hash_weights({"w": half["w"].bfloat16()}) != hash_weights(half)


def test_strides_do_not_matter_but_shapes_do():
    tensor = torch.arange(6.0).view(2, 3)
    assert hash_weights({"w": tensor.t().contiguous().t()}) == hash_weights({"w": tensor})
    assert hash_weights({"w": tensor.view(3, 2)}) != hash_weights({"w": tensor})


@given(st.permutations(["a", "b", "ab", "c.d"]), st.integers(0, 3), st.floats(0.5, 2.0, width=32))
def test_order_of_insertion_does_not_matter_and_every_value_does(
    names: list[str], which: int, factor: float
):
    def tensors(order: list[str]) -> dict[str, Tensor]:
        return {name: torch.full((2,), float(len(name))) for name in order}

    reference = hash_weights(tensors(sorted(names)))
    assert hash_weights(tensors(names)) == reference
    changed = tensors(names)
    changed[names[which]][1] *= factor
    assert (hash_weights(changed) == reference) == (factor == 1.0)
