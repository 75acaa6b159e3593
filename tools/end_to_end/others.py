"""What users would otherwise run, written as the documentation of each tool describes it.

All of them take the same timm ViT and timm's own loader. `timm`: the loops of its inference and
training scripts. `peft`: LoRA of rank 8 on the attention's `qkv`, as in PEFT's guide to models of
timm. `lift`: AdaptFormer beside every MLP and a cosine classifier, as LIFT (ICML 2024) trains them.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import create_dataset, create_loader, resolve_model_data_config
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Epoch", "LiftViT", "bare_forward", "timm_inference", "training_epochs"]

Epoch = Callable[[], object]
Batches = Iterable[tuple[Tensor, Tensor]]

COSINE_SCALE = 25.0
LORA_RANK = 8


def timm_inference(model: nn.Module, folder: Path, batch: int, workers: int) -> Epoch:
    """The loop of timm's inference script: its loader, its transform, probabilities on the CPU."""
    config = resolve_model_data_config(model)
    dataset = create_dataset("", root=str(folder))
    loader = create_loader(
        dataset,
        batch_size=batch,
        use_prefetcher=False,
        num_workers=workers,
        **{name: config[name] for name in ("input_size", "interpolation", "mean", "std")},
        crop_pct=config["crop_pct"],
    )

    def run() -> list[Tensor]:
        with torch.inference_mode():
            return [model(images).softmax(-1).topk(5).indices for images, _ in loader]

    return run


def bare_forward(model: nn.Module, images: Tensor, batch: int) -> Epoch:
    """Forward passes over images that are already in memory: what no loader can be faster than."""

    def run() -> list[Tensor]:
        with torch.inference_mode():
            return [model(some) for some in images.split(batch)]

    return run


def training_epochs(
    backbone: str, folder: Path, batch: int, workers: int, counts: list[int]
) -> dict[str, Epoch]:
    """One epoch of each way to train, by name. The models keep learning from call to call."""
    loader = _train_loader(timm.create_model(backbone), folder, batch, workers)
    log_prior = torch.tensor(counts, dtype=torch.float32).log()
    classes = len(counts)
    whole = timm.create_model(backbone, num_classes=classes)
    return {
        "timm, all weights": _epoch(whole, loader, F.cross_entropy, lr=0.01),
        "PEFT LoRA": _epoch(_lora(backbone, classes), loader, F.cross_entropy, lr=0.005),
        "LIFT, plain": _epoch(
            LiftViT(timm.create_model(backbone, num_classes=0), classes),
            loader,
            lambda logits, labels: F.cross_entropy(logits + log_prior, labels),
            lr=0.01,
        ),
    }


def _train_loader(model: nn.Module, folder: Path, batch: int, workers: int) -> Batches:
    config = resolve_model_data_config(model)
    loader: Batches = create_loader(
        create_dataset("", root=str(folder), is_training=True),
        batch_size=batch,
        is_training=True,
        use_prefetcher=False,
        num_workers=workers,
        **{name: config[name] for name in ("input_size", "interpolation", "mean", "std")},
    )
    return loader


def _epoch(
    model: nn.Module, loader: Batches, loss_of: Callable[[Tensor, Tensor], Tensor], lr: float
) -> Epoch:
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=lr, momentum=0.9, weight_decay=5e-4)

    def run() -> None:
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss_of(model(images), labels).backward()
            optimizer.step()

    return run


def _lora(backbone: str, classes: int) -> nn.Module:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=LORA_RANK,
        lora_alpha=16,
        target_modules=r".*\.qkv",
        lora_dropout=0.1,
        bias="none",
        modules_to_save=["head"],
    )
    model: nn.Module = get_peft_model(timm.create_model(backbone, num_classes=classes), config)
    return model


class LiftViT(nn.Module):
    """A frozen ViT with an AdaptFormer beside each MLP, and a cosine classifier.

    The bottleneck follows LIFT's rule: the power of two just below classes / (2 x blocks).
    """

    def __init__(self, vit: Any, classes: int) -> None:
        super().__init__()
        self.vit = vit.requires_grad_(requires_grad=False)
        depth, dim = len(vit.blocks), vit.embed_dim
        width = 1 << max(0, (classes // (2 * depth)).bit_length() - 1)
        self.adapters = nn.ModuleList(_Adapter(dim, width) for _ in range(depth))
        self.classifier = nn.Parameter(torch.randn(classes, dim) * 0.02)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, H) to logits (B, C)."""
        vit = self.vit
        x = vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(images))))
        for block, adapter in zip(vit.blocks, self.adapters, strict=True):
            x = x + block.drop_path1(block.ls1(block.attn(block.norm1(x))))
            x = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x)))) + adapter(x)
        feature = vit.norm(x)[:, 0]
        directions = F.normalize(self.classifier, dim=-1)
        return COSINE_SCALE * F.normalize(feature, dim=-1) @ directions.T


class _Adapter(nn.Module):
    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        self.scale = nn.Parameter(torch.ones(1))
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.scale * self.up(F.relu(self.down(self.norm(x))))
        return added
