"""Pretrain the embedded backbone, or measure one; README.md beside this file has the story."""

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import save_file

from lpt.errors import LptError
from lpt.files.atomic_files import write_atomic
from lpt.machine.allocator import reuse_memory
from lpt.machine.devices import choose_device
from lpt.training.run.device_setup import fast_bf16, make_accelerator

from .images import load_images
from .measure import measure
from .network import SIZE
from .recipe import RECIPES
from .trainer import Trainer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    data: Annotated[str, typer.Option(help="Data with train and test splits.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an existing run is resumed.")],
    recipe: Annotated[str, typer.Option(help="cpu, gpu, or auto: by device.")] = "auto",
    scale: Annotated[float, typer.Option(help="Length of all stages, as a factor.")] = 1.0,
    precision: Annotated[str, typer.Option(help="auto, float32 or bf16.")] = "auto",
    threads: Annotated[int, typer.Option(help="Of the CPU; 0 for all.")] = 0,
) -> None:
    """Train from scratch and write OUT/backbone.safetensors (float16, with its head)."""
    reuse_memory()
    if threads:
        torch.set_num_threads(threads)
    if precision == "auto":
        precision = "bf16" if fast_bf16(choose_device()) else "float32"
    accelerator = make_accelerator(precision)
    name = recipe if recipe != "auto" else {"cuda": "gpu"}.get(accelerator.device.type, "cpu")
    chosen = RECIPES[name].scaled(scale)
    images = load_images(data, "train", SIZE)
    held = load_images(data, "test", SIZE)
    network = Trainer(chosen, images, held, out, accelerator).run()
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in network.state_dict().items()}
    write_atomic(out / "backbone.safetensors", lambda path: save_file(tensors, path))
    print(f"wrote {out / 'backbone.safetensors'}")


app.command("measure")(measure)

if __name__ == "__main__":
    try:
        app()
    except LptError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
