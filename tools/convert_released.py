"""Convert the authors' published checkpoint to a local backbone and a task file.

    python tools/convert_released.py CHECKPOINT OUT [--classes NAMES.txt] [--counts COUNTS.txt]

CHECKPOINT is a torch file whose `state_dict` contains a timm ViT and `prompt_learner.*`; it is read
with weights_only, so it cannot run code. OUT receives `backbone.safetensors` and
`task.safetensors`; `lpt evaluate OUT/task.safetensors DATA` evaluates them. NAMES and COUNTS have
one line per class, in index order; without them classes are numbered and have one image each.
The released code evaluates with LayerNorm eps 1e-5 and squashes images to 256/224 of the input.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from lpt.backbones import load_backbone
from lpt.errors import BackboneError, DataError, LptError
from lpt.files.atomic_files import write_atomic
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task_file import BackboneRecord, TaskSpec, save_task

PROMPTS = {
    "shared": "prompt_learner.Prompt_Tokens",
    "pool": "prompt_learner.Prompt_Tokens_pool",
    "keys": "prompt_learner.Prompt_Keys",
    "head": "prompt_learner.head.weight",
}
LAYER_NORM_EPS = 1e-5
TOP_K = 2
HEAD_WIDTH = 64
"""The same in every ViT that the authors used."""
RESIZE_RATIO = 256 / 224


def read(path: Path) -> dict[str, Tensor]:
    """Read all tensors of the checkpoint, without the prefix of data-parallel training.

    Raises: BackboneError if the file is missing or not a checkpoint of LPT.
    """
    if not path.is_file():
        raise BackboneError(f"{path}: no such file. Give the authors' checkpoint (.pth, .pth.tar).")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds of errors for foreign files
        raise BackboneError(
            f"{path}: not a torch file of plain tensors ({type(error).__name__}). "
            "Give the authors' checkpoint as they published it."
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    if not isinstance(state, dict):
        raise BackboneError(f"{path}: its state_dict is not a dictionary of tensors.")
    tensors = {k.removeprefix("module."): v for k, v in state.items() if isinstance(v, Tensor)}
    missing = [name for name in (*PROMPTS.values(), "cls_token") if name not in tensors]
    if missing:
        raise BackboneError(f"{path}: not a checkpoint of LPT: it lacks {', '.join(missing)}.")
    return tensors


def check_shapes(path: Path, tensors: dict[str, Tensor]) -> None:
    """Raise BackboneError for the first tensor whose shape does not fit the others."""
    depth = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    width = tensors["cls_token"].numel()
    shared, pool, keys, head = (tensors[name] for name in PROMPTS.values())
    wanted = {
        "shared": (
            shared.ndim == 3 and shared.shape[::2] == (depth, width),
            f"({depth}, P, {width})",
        ),
        "pool": (
            pool.ndim == 4 and 0 < pool.shape[1] < depth and pool.shape[2:] == shared.shape[1:],
            f"(M, L-K, P, {width}) with the P of the shared prompts",
        ),
        "keys": (keys.shape == (*pool.shape[:1], width), f"(M, {width}) with the M of the pool"),
        "head": (head.ndim == 2 and head.shape[0] == width, f"({width}, C)"),
    }
    for name, (fits, shape) in wanted.items():
        if not fits:
            found = tuple(tensors[PROMPTS[name]].shape)
            raise BackboneError(f"{path}: {PROMPTS[name]} is {found}, wanted {shape}.")


def lines(path: Path | None, wanted: int, default: list[str]) -> list[str]:
    """Read one entry per class from a file, or return the default without a file.

    Raises: DataError if there are more or fewer.
    """
    if path is None:
        return default
    entries = path.read_text(encoding="utf-8").split("\n")
    entries = entries[:-1] if entries and not entries[-1] else entries
    if len(entries) != wanted:
        raise DataError(f"{path}: {len(entries)} lines for {wanted} classes.")
    return entries


def numbers(path: Path | None, wanted: int) -> list[int]:
    """Read the training images of each class from a file; 1 without a file.

    Raises: DataError naming the first line that is not a number.
    """
    entries = lines(path, wanted, ["1"] * wanted)
    for line, entry in enumerate(entries, 1):
        if not entry.strip().isdecimal():
            raise DataError(f"{path}: line {line} is '{entry}', wanted a number of images.")
    return [int(entry) for entry in entries]


def convert(checkpoint: Path, out: Path, classes: Path | None, counts: Path | None) -> Path:
    """Write the backbone and the task file, and return the path of the latter.

    Raises: LptError if shapes or lists do not fit; then no file is left.
    """
    tensors = read(checkpoint)
    check_shapes(checkpoint, tensors)
    shared, pool = tensors[PROMPTS["shared"]], tensors[PROMPTS["pool"]]
    head = tensors[PROMPTS["head"]]
    num_classes = head.shape[1]
    class_names = lines(classes, num_classes, [str(i) for i in range(num_classes)])
    class_counts = numbers(counts, num_classes)

    vit = {
        name: value.contiguous()
        for name, value in tensors.items()
        if not name.startswith(("prompt_learner.", "head."))
    }
    heads = max(1, vit["cls_token"].shape[-1] // HEAD_WIDTH)
    metadata = {"num_heads": str(heads), "mean": "0.5", "std": "0.5"}
    metadata["layer_norm_eps"] = str(LAYER_NORM_EPS)
    weights = (out / "backbone.safetensors").resolve()
    write_atomic(weights, lambda temporary: save_file(vit, temporary, metadata))
    try:
        backbone = load_backbone(str(weights), layer_norm_eps=LAYER_NORM_EPS)
    except LptError:
        weights.unlink()
        raise

    shape = PromptShape(shared.shape[1], len(shared) - pool.shape[1], len(pool), TOP_K)
    model = LongTailedPromptModel(backbone, num_classes, shape)
    with torch.no_grad():
        model.shared.prompts.copy_(shared)
        model.pool.prompts.copy_(pool)
        model.pool.keys.copy_(tensors[PROMPTS["keys"]])
        model.classifier.weight.copy_(head.T)
    record = {name: getattr(backbone.spec, name) for name in BackboneRecord.model_fields}
    spec = TaskSpec(
        name=checkpoint.stem,
        class_names=tuple(class_names),
        class_counts=tuple(class_counts),
        backbone=BackboneRecord(**record),
        shared_blocks=model.split,
        prompt_length=shape.length,
        pool_size=shape.pool_size,
        top_k=shape.top_k,
        resize_rule="squash",
        resize=round(backbone.spec.image_size * RESIZE_RATIO),
        few_below=21,  # the published row counts a class of exactly 20 images as few-shot
    )
    save_task(out / "task.safetensors", model, spec)
    return out / "task.safetensors"


def main() -> int:
    """Parse, convert, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="torch file with state_dict, as published")
    parser.add_argument("out", type=Path, help="folder that receives both files")
    parser.add_argument("--classes", type=Path, help="class names, one per line, in index order")
    parser.add_argument("--counts", type=Path, help="training images, one line per class")
    given = parser.parse_args()
    try:
        print(convert(given.checkpoint, given.out, given.classes, given.counts))
    except (LptError, OSError, ValueError) as error:
        print(f"convert_released: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
