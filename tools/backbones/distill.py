"""Train a small ViT to give the features of a larger one.

    python -m tools.backbones.distill DATA OUT --teacher FOLDER [--student vit_tiny_patch8_64]

First the teacher sees every image of DATA as one random crop (OUT/targets; resumable, and a
run with `--crops` makes only these). Then the student learns from crops and outputs: its class
token gives the leading components of the teacher's class token and mean patch token, partly
whitened, and a linear head on each patch token gives the teacher's patch token of that place. It
sees a random half of the patches until the last steps. OUT/backbone.safetensors has the averaged
weights in float16.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from tools.pretrain.muon import make_optimizers

from lpt.files.atomic_files import write_atomic
from lpt.machine.allocator import reuse_memory
from lpt.training.run.device_setup import make_accelerator

from .folder import run_tool, trainable, training_images
from .loop import Loop, Pace
from .student import DistillLoss, Targets
from .targets import extend

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Make the teacher's outputs, train, and write the student."""
    asked = _parser().parse_args(arguments)
    reuse_memory()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    accelerator = make_accelerator(asked.precision)
    folder = asked.out / "targets"
    crops = extend(
        folder,
        training_images(asked.data, trainable(asked.student)[1].image_size),
        asked.teacher,
        accelerator,
        crops=asked.crops,
        seed=asked.seed,
    )
    if not asked.steps:
        return
    student, _ = trainable(asked.student)
    targets = Targets(folder, crops, student.embed_dim, asked.whitening)
    model = DistillLoss(
        student,
        targets,
        accelerator,
        batch=asked.batch,
        keep=asked.keep,
        full_from=int((1 - asked.full) * asked.steps),
        patch_weight=asked.patch_weight,
        jitter=asked.jitter,
        seed=asked.seed,
    ).to(accelerator.device)
    bf16 = accelerator.mixed_precision == "bf16"
    optimizers = make_optimizers(
        model,
        matrix_rate=asked.matrix_rate,
        rate=asked.rate,
        weight_decay=asked.weight_decay,
        precision=torch.bfloat16 if bf16 else torch.float32,
    )
    pace = Pace(asked.steps, asked.batch, ema=asked.ema)
    unset = ("out", "threads", "data", "teacher")
    settings = {k: v for k, v in vars(asked).items() if k not in unset} | asdict(pace)
    loop = Loop(model, optimizers, model, pace, settings, asked.out)
    loop.run()
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in student.state_dict().items()}
    path = asked.out / "backbone.safetensors"
    write_atomic(path, lambda temporary: save_file(tensors, temporary))
    print(f"wrote {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="distill", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("data", help="training data; a class that backbones are judged on is refused")
    add("out", type=Path, help="folder of the run; an existing run is resumed")
    add("--teacher", required=True, help="backbone that is imitated")
    add("--student", default="vit_tiny_patch8_64", help="backbone that training starts from")
    add("--crops", type=int, default=0, help="crops that the teacher sees; 0: one of each image")
    add("--steps", type=int, default=1300, help="optimiser steps; 0: only the teacher's outputs")
    add("--batch", type=int, default=128)
    add("--matrix-rate", type=float, default=0.003, help="learning rate of Muon")
    add("--rate", type=float, default=0.002, help="learning rate of AdamW")
    add("--weight-decay", type=float, default=0.05)
    add("--ema", type=float, default=0.99, help="decay per step of the averaged weights")
    add("--keep", type=float, default=0.5, help="share of patches that the student sees")
    add("--full", type=float, default=0.15, help="share of the steps at the end with all patches")
    add("--patch-weight", type=float, default=1.0, help="weight of the loss on patch tokens")
    add("--whitening", type=float, default=0.5, help="0: components as they are; 1: all alike")
    add("--jitter", type=float, default=0.2, help="change of brightness, contrast, saturation")
    add("--precision", default="auto", help="auto, float32 or bf16")
    add("--threads", type=int, default=0, help="of the CPU; 0: torch's choice")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    run_tool(main)
