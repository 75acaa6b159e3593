"""One tiny backbone with random weights for all baselines."""

import gc
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from lpt.backbones import FrozenViT

from ..tiny import backbone_of, write_backbone


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenViT]:
    gc.freeze()  # every training collects garbage; exclude what is loaded by now
    yield backbone_of(write_backbone(tmp_path_factory.mktemp("backbone") / "vit.safetensors"))
    gc.unfreeze()


@pytest.fixture(scope="session")
def images() -> Tensor:
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(3))
