"""Parts that know the plain ViT only refuse other families in one line."""

import pytest

from lpt.backbones import FrozenViT
from lpt.backbones.towers.plain_only import check_plain
from lpt.errors import BackboneError

from ...contracts.tiny_families import KINDS


@pytest.mark.parametrize("kind", ["DINOv3", "attention pool (SigLIP)", "BEiT, class token"])
def test_other_families_are_refused(kind):
    check_plain("lora", FrozenViT(KINDS["plain"]()), "Choose another.")
    with pytest.raises(BackboneError, match=r"lora: needs a plain ViT .* Choose another\."):
        check_plain("lora", FrozenViT(KINDS[kind]()), "Choose another.")
