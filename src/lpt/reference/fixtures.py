"""Check this implementation against reference numbers in a safetensors file.

There are two kinds of file. One has `spec` in its metadata and covers the forward passes of both
phases and their gradients; the other has `configs` and covers the A-GCL loss and its gradient. A
file contains inputs (`in.*`), weights (`vit.*`, `lpt.*`) and the reference's float32 results.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.errors import DataError
from lpt.losses import agcl
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel

__all__ = ["TOLERANCE", "check", "fixture_backbone"]

TOLERANCE = 1e-5
"""Largest allowed absolute error in float32; matched ids must be equal."""

SCALE = 20.0
"""The fixtures' loss is cross-entropy of 20 * cosine."""


def check(path: Path) -> dict[str, float]:
    """Recompute every reference tensor of a fixture file.

    Returns: the largest absolute error by tensor name; infinity if shapes or matched ids differ.
    Raises: DataError naming the file if it is not a fixture.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "spec" in metadata:
            computed = dict(_forward(tensors, json.loads(metadata["spec"])))
        elif "configs" in metadata:
            computed = dict(_agcl(tensors, json.loads(metadata["configs"])))
        else:
            raise DataError(
                f"{path}: not a fixture: its metadata has neither 'spec' nor 'configs'."
            )
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a fixture ({error}).") from error
    return {name: _error(value, tensors[name]) for name, value in computed.items()}


def fixture_backbone(tensors: dict[str, Tensor], spec: dict[str, Any]) -> FrozenViT:
    """Build the small random ViT of a forward fixture."""
    vit = VisionTransformer(
        img_size=spec["image_size"],
        patch_size=spec["patch_size"],
        embed_dim=spec["dim"],
        depth=spec["depth"],
        num_heads=spec["heads"],
        num_classes=0,
        norm_layer=partial(nn.LayerNorm, eps=spec["layer_norm_eps"]),
    )
    weights = {k.removeprefix("vit."): v for k, v in tensors.items() if k.startswith("vit.")}
    vit.load_state_dict(weights)
    return FrozenViT(vit)


def _forward(tensors: dict[str, Tensor], spec: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    shape = PromptShape(
        length=spec["prompt_length"],
        shared_blocks=spec["shared_blocks"],
        pool_size=spec["pool_size"],
        top_k=spec["top_k"],
    )
    model = LongTailedPromptModel(fixture_backbone(tensors, spec), spec["num_classes"], shape)
    with torch.no_grad():
        model.shared.prompts.copy_(tensors["lpt.shared_prompts"])
        model.pool.prompts.copy_(tensors["lpt.group_prompts"])
        model.pool.keys.copy_(tensors["lpt.keys"])
        model.classifier.weight.copy_(tensors["lpt.classifier"])
    images, labels = tensors["in.images"], tensors["in.labels"]

    first = model.phase1(images)
    loss = F.cross_entropy(SCALE * first.logits, labels)
    torch.autograd.backward(loss)
    yield "phase1.cosine_logits", first.logits
    yield "phase1.loss", loss.view(1)
    yield "phase1.grad.shared_prompts", _gradient(model.shared.prompts)
    yield "phase1.grad.classifier", _gradient(model.classifier.weight)

    model.zero_grad()
    out = model(images)
    assert out.match is not None
    similarity = out.match.similarity.mean()
    loss = F.cross_entropy(SCALE * out.logits, labels) - similarity
    torch.autograd.backward(loss)
    yield "out.query", out.query
    yield "out.matched", out.match.ids
    yield "out.features", out.feature
    yield "out.cosine_logits", out.logits
    yield "out.mean_similarity", similarity.view(1)
    yield "out.loss", loss.view(1)
    yield "grad.group_prompts", _gradient(model.pool.prompts)
    yield "grad.keys", _gradient(model.pool.keys)
    yield "grad.classifier", _gradient(model.classifier.weight)


def _agcl(
    tensors: dict[str, Tensor], configs: list[dict[str, float]]
) -> Iterator[tuple[str, Tensor]]:
    for i, config in enumerate(configs):
        cosine = tensors["in.cosine_logits"].clone().requires_grad_()
        loss = agcl(
            cosine,
            tensors["in.labels"],
            tensors["in.class_counts"],
            normalise_shift=True,
            noise=tensors[f"{i}.noise"],
            **{name: float(value) for name, value in config.items()},
        ).mean()
        torch.autograd.backward(loss)
        yield f"{i}.loss", loss.view(1)
        yield f"{i}.grad", _gradient(cosine)


def _gradient(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def _error(computed: Tensor, expected: Tensor) -> float:
    if computed.shape != expected.shape:
        return float("inf")
    if not expected.is_floating_point():
        return 0.0 if torch.equal(computed, expected) else float("inf")
    return float((computed.detach() - expected).abs().max())
