"""lpt backbones: the backbones that can be loaded, and whether one works."""

import textwrap
from typing import Annotated

import typer

from lpt.cli.printing import say
from lpt.escape import printable

__all__ = ["app"]

app = typer.Typer(
    name="backbones",
    help="List the backbones that can be loaded, by job and by name; check one.",
    invoke_without_command=True,
)


@app.callback()
def backbones(context: typer.Context) -> None:
    """List the backbones that can be loaded, by job and by name, and those on this machine.

    Speed is that of one image on a CPU: fast, medium, or slow without a GPU.
    """
    if context.invoked_subcommand is not None:
        return
    from lpt.backbones import list_backbones
    from lpt.backbones.known.known_backbones import JOBS
    from lpt.backbones.places.local_folder import local_folder

    rows = [("name", "where", "size", "input", "speed", "")]
    rows += [
        (
            e.name,
            e.place,
            "" if e.parameters is None else f"{e.parameters:.0f} M",
            "" if e.image_size is None else f"{e.image_size} px",
            e.speed,
            "; ".join(text for text in (e.data, e.licence, e.note) if text),
        )
        for e in list_backbones()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for *cells, about in rows:
        line = (text.ljust(width) for text, width in zip(cells, widths, strict=True))
        say("  ".join(line).rstrip())
        for text in textwrap.wrap(about, 74):
            say(f"    {text}")
    say("\nBy job, the first choice first:")
    for job, names in JOBS.items():
        say(f"  {job}:")
        for name in names:
            say(f"    {name}")
    say("\nAlso: any ViT of timm (EVA, DINOv3 and BEiT included), FILE.safetensors,")
    say("NAME@FILE.safetensors, a folder with config.json and model.safetensors,")
    say("hf-hub:ORG/NAME, random:NAME (untrained). A folder in LPT_BACKBONES is found by")
    say(f"its name; now that is {printable(str(local_folder()))}.")


@app.command()
def check(
    name: Annotated[
        str,
        typer.Argument(
            help="Any name that --backbone takes: of timm, a file or a folder.", show_default=False
        ),
    ],
    image_size: Annotated[
        int | None, typer.Option(help="Side of the input in pixels.", show_default="its own")
    ] = None,
) -> None:
    """Load a backbone, compare it with timm's own blocks, and print what it supports."""
    from lpt.backbones import load_backbone
    from lpt.backbones.checks.support import largest_error, support_of
    from lpt.errors import BackboneError

    backbone = load_backbone(name, image_size=image_size)
    spec, support = backbone.spec, support_of(backbone)
    error = largest_error(backbone)
    if not error < 1e-3:
        raise BackboneError(
            f"{name}: differs from timm's own blocks by {error:.1g}. Please report this."
        )
    millions = sum(p.numel() for p in backbone.parameters()) / 1e6
    tower = type(backbone.tower).__name__.removesuffix("Tower")
    say(
        f"{printable(spec.name)}: {tower}, {spec.depth} blocks of width {spec.width}, "
        f"{millions:.1f} M parameters; equals timm's blocks to {error:.0e}"
    )
    colours = ", ".join(
        f"{mean:.3g}/{std:.3g}" for mean, std in zip(spec.mean, spec.std, strict=True)
    )
    say(f"pixels    {spec.interpolation}, mean/std {colours}")
    say(f"feature   {backbone.feature.value}; last block: {support.last_block}")
    sizes = support.sizes
    say(
        f"input     {spec.image_size} px, {spec.num_patches} patches of {spec.patch_size} px; "
        f"takes {sizes[0]} to {sizes[-1]} px in steps of {sizes.step}, square"
    )
    say(f"export    {', '.join(support.exports)}; precision float32, bf16 where it is fast")
