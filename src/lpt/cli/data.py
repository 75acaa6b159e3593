"""lpt data: look at a data set, check it, make lists of it."""

from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.options import Data, Seed, check_free

__all__ = ["app"]

app = typer.Typer(
    name="data", help="Look at a data set, check it, split it, thin it out.", no_args_is_help=True
)
Out = Annotated[Path, typer.Argument(help="A .csv file to write.", show_default=False)]
TestFraction = Annotated[
    float, typer.Option(min=0, max=0.9, help="Share set aside if the data names no test images.")
]


@app.command("list")
def list_sets() -> None:
    """The data sets that are known by name."""
    from lpt.data.sources.known.known_datasets import DATASETS

    rows = [(name, ", ".join(known.options), known.about) for name, known in DATASETS.items()]
    rows.append(("hf:NAME", "config, image, label", "a Hugging Face data set; needs lpt[datasets]"))
    for name, options, about in [("name", "options", "what it is and needs"), *rows]:
        print(f"{name:<17}{options:<22}{about}")
    print("\nOptions follow a colon: cifar100-lt:imbalance=50,root=DIR")


@app.command()
def inspect(
    data: Data,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    many_above: Annotated[int, typer.Option(help="Many-shot: more images than this.")] = 100,
    few_below: Annotated[int, typer.Option(help="Few-shot: fewer images than this.")] = 20,
    val_fraction: Annotated[
        float, typer.Option(min=0, max=0.9, help="Set validation images aside as lpt train does.")
    ] = 0.0,
) -> None:
    """Classes, counts, imbalance, many/medium/few, and a picture of the tail."""
    from lpt.data.class_groups import ClassGroups
    from lpt.data.sources.open_data import open_data
    from lpt.data.tools.inspect_data import inspect_data, render

    summary = inspect_data(
        open_data(data, val_fraction=val_fraction), ClassGroups(many_above, few_below)
    )
    print(summary.to_json() if as_json else render(summary))


@app.command()
def check(
    data: Data,
    as_json: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="All findings as JSON.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Contact sheet of the worst.")
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="List of images to leave out, for lpt train --bad-images."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that read; by default one a core.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where to remember what was seen; by default LPT_CACHE.")
    ] = None,
) -> None:
    """Read every image and say what would spoil training; exit code 1 if anything would."""
    from lpt.data.check.check_result import check_data, render_check
    from lpt.data.check.contact_sheet import contact_sheet
    from lpt.data.check.policy import write_quarantine
    from lpt.data.sources.open_data import open_data
    from lpt.files import cache_folder, write_text
    from lpt.progress import shown
    from lpt.reporters import reporter_for
    from lpt.training.run.run_data import check_workers

    to_stdout = as_json == "-"
    json_file = None if as_json is None or to_stdout else Path(as_json)
    check_free(json_file, sheet, quarantine)
    manifest = open_data(data, val_fraction=0, test_fraction=0)
    with shown(reporter_for(), "image check", "images") as progress:
        report = check_data(
            manifest,
            workers=check_workers() if workers is None else workers,
            cache=cache or cache_folder(),
            progress=progress,
        )
    print(report.to_json() if to_stdout else render_check(report))
    if json_file is not None:
        write_text(json_file, report.to_json() + "\n")
    if sheet is not None:
        contact_sheet(report, manifest, sheet)
    if quarantine is not None:
        write_quarantine(report, quarantine)
    raise typer.Exit(1 if report.spoiled else 0)


@app.command()
def split(
    data: Data,
    out: Out,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column whose values never lie on both sides (animal, patient)."
        ),
    ] = None,
    val_fraction: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of training set aside for validation.")
    ] = 0.1,
    test_fraction: TestFraction = 0.2,
    seed: Seed = 0,
) -> None:
    """Split as lpt train does, once and for all: a list that names the split of every image."""
    from lpt.data.tools.make_lists import list_split, with_list

    made = list_split(
        data,
        out,
        group_by=group_by,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        seed=seed,
    )
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in made.splits.items())
    print(f"{out}: {sizes} images of {made.num_classes} classes")
    print(f"next  lpt train {with_list(data, out)}")


@app.command()
def longtail(
    data: Data,
    out: Out,
    imbalance: Annotated[float, typer.Option(help="Largest over smallest class.")] = 100,
    profile: Annotated[str, typer.Option(help="exponential, step or pareto.")] = "exponential",
    counts_of: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Take the counts of other data instead of a profile."),
    ] = None,
    shuffle_classes: Annotated[
        bool, typer.Option("--shuffle-classes", help="Draw which classes are frequent.")
    ] = False,
    test_fraction: TestFraction = 0.2,
    seed: Seed = 0,
) -> None:
    """Thin the training images out to a long tail: writes a list, copies nothing."""
    from lpt.data.tools.make_lists import list_long_tailed, with_list

    made = list_long_tailed(
        data,
        out,
        profile=profile,
        imbalance=imbalance,
        counts_of=counts_of,
        shuffle_classes=shuffle_classes,
        test_fraction=test_fraction,
        seed=seed,
    )
    counts = made.counts()
    print(
        f"{out}: {counts.sum():,} training images of {made.num_classes} classes, "
        f"{counts.max():,} to {counts.min():,} a class"
    )
    print(f"next  lpt train {with_list(data, out)}")


@app.command()
def bench(
    data: Data,
    image_size: Annotated[int, typer.Option(min=1, help="Pixels of the model's input.")] = 224,
    batch: Annotated[int, typer.Option(min=1, help="Images a batch.")] = 64,
    images: Annotated[int, typer.Option(min=1, help="Images to load for each row.")] = 2000,
    workers: Annotated[
        list[int] | None, typer.Option(min=0, help="Processes; repeat it to compare numbers.")
    ] = None,
) -> None:
    """Images a second that load, by number of workers: read, decoded, augmented by the defaults."""
    from lpt.config import RunConfig
    from lpt.data.images.transforms import train_transform
    from lpt.data.loading import ImageDataset
    from lpt.data.sources.open_data import open_data
    from lpt.data.tools.throughput import measure_loading, render_throughput

    train = open_data(data, val_fraction=0).split("train")
    half, augment = (0.5, 0.5, 0.5), RunConfig().augment
    augmented = train_transform(image_size, half, half, scale=augment.crop_scale, flip=augment.flip)
    lrs = measure_loading(
        ImageDataset(train, augmented),
        workers=workers or (0, 1, 2),
        batch=min(batch, len(train)),
        images=images,
    )
    print(render_throughput(lrs))
