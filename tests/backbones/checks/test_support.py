"""What `lpt backbones check` says of a family."""

import pytest

from lpt.backbones import FrozenViT
from lpt.backbones.checks.support import largest_error, support_of

from ...contracts.tiny_families import KINDS


@pytest.mark.parametrize(
    ("kind", "last_block", "exports"),
    [
        ("plain", "class token only", ("onnx", "torch")),
        ("query-key norm", "class token only, keys of all tokens", ("onnx", "torch")),
        ("attention pool (SigLIP)", "whole", ("onnx", "torch")),
        ("DINOv3", "class token only, keys of all tokens", ("onnx", "torch")),
        ("EVA-02 base", "whole", ("onnx", "torch")),
        ("BEiT, class token", "class token only", ("onnx", "torch")),
        (
            "fewer heads for keys (Sapiens2)",
            "class token only, keys of all tokens",
            ("torch",),
        ),
    ],
)
def test_savings_and_exports_of_a_family(kind, last_block, exports):
    backbone = FrozenViT(KINDS[kind]())
    support = support_of(backbone)
    assert (support.last_block, support.exports) == (last_block, exports)
    assert largest_error(backbone) < 1e-4


def test_a_backbone_that_computes_something_else_shows(monkeypatch):
    backbone = FrozenViT(KINDS["DINOv3"]())
    monkeypatch.setattr(backbone.tower, "run_own_blocks", lambda tokens: tokens)
    assert largest_error(backbone) > 1e-2
