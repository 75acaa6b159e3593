"""lpt data: inspect and check data sets, split them, and make them long-tailed."""

from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.options import Data, Seed, with_quiet, with_threads
from lpt.cli.printing import say, say_note
from lpt.data.defaults import FEW_BELOW, MANY_ABOVE, TEST_FRACTION, VAL_FRACTION
from lpt.escape import printable, shell_command
from lpt.progress import plural

__all__ = ["app"]

app = typer.Typer(
    name="data",
    help="Inspect and check data sets, split them, make them long-tailed.",
    no_args_is_help=True,
)
Out = Annotated[Path, typer.Argument(help="The .csv file to write.", show_default=False)]
TestFraction = Annotated[
    float,
    typer.Option(min=0, max=0.9, help="Share held out for testing if the data has no test split."),
]


@app.command("list")
def list_sets() -> None:
    """List the data sets known by name."""
    from lpt.data.sources.known.known_datasets import DATASETS

    rows = [(name, ", ".join(known.options), known.about) for name, known in DATASETS.items()]
    rows.append(("hf:NAME", "config, image, label", "a Hugging Face data set; needs lpt[datasets]"))
    for name, options, about in [("name", "options", "contents and requirements"), *rows]:
        say(f"{name:<17}{options:<22}{about}")
    say("\nOptions follow a colon: cifar100-lt:imbalance=50,root=DIR")


@app.command()
@with_threads
def inspect(
    data: Data,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    many_above: Annotated[
        int, typer.Option(help="Classes with more training images are many-shot.")
    ] = MANY_ABOVE,
    few_below: Annotated[
        int, typer.Option(help="Classes with fewer training images are few-shot.")
    ] = FEW_BELOW,
    val_fraction: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.9,
            help="Share of train held out for validation, as lpt train does; 0 for none.",
        ),
    ] = VAL_FRACTION,
    every_class: Annotated[
        bool, typer.Option("--all", help="Chart every class, also where there are many.")
    ] = False,
) -> None:
    """Show classes, counts, imbalance, shot groups and a chart of the tail."""
    from lpt.data.class_groups import ClassGroups
    from lpt.data.sources.open_data import open_data
    from lpt.data.tools.inspect_data import inspect_data, render

    summary = inspect_data(
        open_data(data, val_fraction=val_fraction), ClassGroups(many_above, few_below)
    )
    say(summary.to_json() if as_json else render(summary, every_class=every_class))


@app.command()
@with_threads
@with_quiet
def check(
    data: Data,
    as_json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write all findings as JSON; - prints them."),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Write a contact sheet of the worst findings."),
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write the list of images to leave out, for lpt train --bad-images.",
        ),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(metavar="LIST", help="Check the data as this list of lpt review corrects it."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, help="Processes that read images.", show_default="one per core, up to 8"
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of the cache.", show_default="LPT_CACHE, or the platform's"),
    ] = None,
) -> None:
    """Read every image and report what would spoil training; exit code 1 if anything would."""
    from lpt.data.check.check_result import check_data, render_check
    from lpt.data.check.contact_sheet import contact_sheet
    from lpt.data.check.corrections import with_corrections
    from lpt.data.check.next_steps import next_steps
    from lpt.data.check.quarantine import write_quarantine
    from lpt.data.check.scan import check_workers
    from lpt.data.sources.open_data import open_data
    from lpt.files.atomic_files import cache_folder, check_free, write_text
    from lpt.progress import shown
    from lpt.reporters import reporter_for

    to_stdout = as_json == "-"
    json_file = None if as_json is None or to_stdout else Path(as_json)
    check_free(json_file, sheet, quarantine)
    manifest = open_data(data, val_fraction=0, test_fraction=0, lenient=True)
    tell = say_note if to_stdout else say  # stdout holds nothing but JSON then
    if corrections is not None:
        manifest = with_corrections(manifest, corrections, notice=tell)
        tell(f"corrected {manifest.corrections}")
    with shown(reporter_for(), "image check", "images") as progress:
        report = check_data(
            manifest,
            workers=check_workers() if workers is None else workers,
            cache=cache or cache_folder(),
            progress=progress,
        )
    say(report.to_json() if to_stdout else render_check(report))
    if json_file is not None:
        write_text(json_file, report.to_json() + "\n")
        tell(f"wrote  {printable(str(json_file))}: {plural(len(report.findings), 'finding')}")
    if sheet is not None:
        drawn = contact_sheet(report, manifest, sheet)
        tell(f"wrote  {printable(str(sheet))}: contact sheet of {plural(drawn, 'finding')}")
    if quarantine is not None:
        bad = write_quarantine(report, manifest, quarantine)
        tell(f"wrote  {printable(str(quarantine))}: {plural(bad, 'image')} to leave out")
    for line in next_steps(report, manifest, quarantine):
        tell(line)
    raise typer.Exit(1 if report.spoiled else 0)


@app.command()
@with_threads
def split(
    data: Data,
    out: Out,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the data (animal, patient, video): images with the same value stay in "
            "one split.",
        ),
    ] = None,
    val_fraction: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of train held out for validation.")
    ] = VAL_FRACTION,
    test_fraction: TestFraction = TEST_FRACTION,
    seed: Seed = 0,
) -> None:
    """Write a list with the split of every image, made as lpt train would make it."""
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
    classes = plural(made.num_classes, "class", "classes")
    say(f"{printable(str(out))}: {sizes} images of {classes}")
    say(f"next  {shell_command('lpt', 'train', with_list(data, out))}")


@app.command()
@with_threads
def longtail(
    data: Data,
    out: Out,
    imbalance: Annotated[
        float, typer.Option(help="Size of the largest class over the smallest.")
    ] = 100,
    profile: Annotated[str, typer.Option(help="exponential, step or pareto.")] = "exponential",
    counts_of: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Use the class sizes of other data, not a profile."),
    ] = None,
    shuffle_classes: Annotated[
        bool, typer.Option("--shuffle-classes", help="Assign sizes to classes at random.")
    ] = False,
    test_fraction: TestFraction = TEST_FRACTION,
    seed: Seed = 0,
) -> None:
    """Write a list that reduces the training images to a long tail; no image is copied.

    The class with most images stays the largest and the one with fewest becomes the smallest,
    unless --shuffle-classes or --counts-of is given.
    """
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
    classes = plural(made.num_classes, "class", "classes")
    reached = counts.max() / max(counts.min(), 1)
    say(
        f"{printable(str(out))}: {plural(counts.sum(), 'training image')} of {classes}, "
        f"{counts.max():,} to {counts.min():,} per class (imbalance {reached:.3g})"
    )
    if counts_of is None:
        first, last = (printable(made.class_names[c]) for c in (counts.argmax(), counts.argmin()))
        other = "drawn by --seed" if shuffle_classes else "--shuffle-classes draws another"
        say(f"order {first} (most images) to {last} (fewest); {other}")
        if reached < 0.9 * imbalance:
            say(
                f"note  imbalance {imbalance:g} is not reached: the largest class keeps "
                f"{plural(counts.max(), 'image')}, and none keeps fewer than 1"
            )
        elif reached > 1.1 * imbalance:
            say(f"note  above imbalance {imbalance:g}: numbers of images are rounded down")
    say(f"next  {shell_command('lpt', 'train', with_list(data, out))}")


@app.command()
@with_threads
def bench(
    data: Data,
    image_size: Annotated[
        int, typer.Option(min=1, help="Input size of the model in pixels.")
    ] = 224,
    batch: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    images: Annotated[int, typer.Option(min=1, help="Images to load per row.")] = 2000,
    workers: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Processes that load images; repeat to compare."),
    ] = None,
) -> None:
    """Measure how many images per second are read, decoded and augmented, by number of workers."""
    from lpt.config import RunConfig
    from lpt.data.images.transforms import train_transform
    from lpt.data.loading import ImageDataset
    from lpt.data.sources.open_data import open_data
    from lpt.data.tools.throughput import measure_loading, render_throughput

    train = open_data(data, val_fraction=0).split("train")
    half, augment = (0.5, 0.5, 0.5), RunConfig().augment
    augmented = train_transform(image_size, half, half, scale=augment.crop_scale, flip=augment.flip)
    speeds = measure_loading(
        ImageDataset(train, augmented),
        workers=workers or (0, 1, 2),
        batch=min(batch, len(train)),
        images=images,
    )
    say(render_throughput(speeds))
