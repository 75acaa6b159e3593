"""The embedded architecture."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn

__all__ = ["SIZE", "load_network", "make_network"]

SIZE = 64


def make_network(classes: int, *, drop_path: float = 0.0, seed: int = 0) -> VisionTransformer:
    """A random ViT of 64 px, patch 8, width 192, depth 12, 3 heads; takes smaller images too."""
    torch.manual_seed(seed)
    network = VisionTransformer(
        img_size=SIZE,
        patch_size=8,
        embed_dim=192,
        depth=12,
        num_heads=3,
        num_classes=classes,
        drop_path_rate=drop_path,
        dynamic_img_size=True,
    )
    nn.init.zeros_(network.head.weight)
    return network


def load_network(path: Path) -> VisionTransformer:
    """Read a network that `train` wrote, head included, ready to classify."""
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    network = make_network(len(tensors["head.weight"]))
    network.load_state_dict(tensors)
    return network.eval()
