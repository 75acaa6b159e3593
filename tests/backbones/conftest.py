"""Tiny ViTs on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn

Writer = Callable[..., Path]


def tiny_vit(**changes: object) -> VisionTransformer:
    """32 px, 4 x 4 patches, width 32, 2 blocks, 2 heads; all weights random, norms included."""
    arguments = {
        "img_size": 32,
        "patch_size": 8,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
        "num_classes": 5,
    }
    model = VisionTransformer(**{**arguments, **changes}).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture
def write_vit(tmp_path: Path) -> Writer:
    """Write a model's weights, head included, as safetensors and return the path."""

    def write(model: nn.Module, name: str = "vit.safetensors", **metadata: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
        save_file(tensors, path, {"num_heads": "2", **metadata})
        return path

    return write


@pytest.fixture
def vit() -> Callable[..., VisionTransformer]:
    return tiny_vit
