"""The command line: parse, call, print. Heavy imports wait until a command needs them."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lpt.errors import ConfigError, LptError

__all__ = ["app", "main"]

app = typer.Typer(
    name="lpt",
    help="Long-tailed prompt tuning: train, evaluate and use classifiers for images of which a few "
    "classes have thousands and most have ten.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(name="data", help="Look at a data set.", no_args_is_help=True)
app.add_typer(data_app)

DATA_HELP = (
    "Folder of class folders (with train/val/test or one folder), CSV/TSV/text list, Parquet file "
    "or folder, or 'digits'. Options follow a colon: DIR:list=lists/lt100.csv, DIR:test=OTHER."
)
Data = Annotated[str, typer.Argument(help=DATA_HELP)]
Run = Annotated[Path, typer.Argument(help="Run folder or task file.", show_default=False)]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; by default a GPU if there is one.")]


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option(help="Run folder; by default below runs/.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """The whole story on embedded data and backbone: minutes on a laptop CPU."""
    from lpt.studies.demo import run_demo
    from lpt.training.reporting import reporter_for

    print(run_demo(out, seed, reporter_for()))


@app.command()
def train(
    data: Annotated[str | None, typer.Argument(help=DATA_HELP, show_default=False)] = None,
    backbone: Annotated[
        str | None, typer.Option(help="timm name, local file or folder; see lpt backbones.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default below runs/.")] = None,
    recipe: Annotated[str, typer.Option(help="default, paper, released, or a YAML file.")] = (
        "default"
    ),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as phase1.epochs=5."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time to fit the run into: 90s, 20m, 1.5h.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on with the run in --out.")] = False,
    device: Device = None,
) -> None:
    """Train both phases on a data set; the product is a prompt file of a few megabytes."""
    from lpt.api import finish, prepare
    from lpt.config import parse_settings
    from lpt.training.reporting import reporter_for
    from lpt.training.summary import summarise

    session = prepare(
        data,
        backbone=backbone,
        out=out,
        recipe=recipe,
        settings=parse_settings(settings or []),
        seed=seed,
        budget=budget,
        resume=resume,
        device=device,
        reporter=reporter_for(),
    )
    try:
        task, result = finish(session)
    except KeyboardInterrupt:
        path = session.folder.path
        print(f"\nlpt: stopped. Go on with: lpt train --out {path} --resume", file=sys.stderr)
        raise
    print(summarise(session, task, result))


@app.command()
def evaluate(
    run: Run,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            help="Data to score, several side by side, each as PATH or name=PATH; "
            "by default the test images of the run's own data.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for CSV and JSON; by default RUN/evaluation."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, no table.")] = False,
    device: Device = None,
) -> None:
    """Score a task: overall, many, medium, few, macro; per class as CSV and JSON."""
    from lpt.api import load, split_to_evaluate
    from lpt.evaluation import COLUMNS, Column, metrics_json, render_table
    from lpt.evaluation.files import write_metrics
    from lpt.training.reporting import reporter_for

    task, reporter = load(run, device=device), reporter_for()
    folder = out or (run / "evaluation" if run.is_dir() else None)
    named = _named(data) if data else {"test": None}
    splits = [(name, split_to_evaluate(run, task, source)) for name, source in named.items()]
    found = {}
    for name, split in splits:
        reporter.begin(name, len(split), unit="images")
        found[name] = task.evaluate(split, on_batch=reporter.advance)
        reporter.end()
        if folder is not None:
            write_metrics(folder, name, found[name])
    if as_json:
        print(json.dumps({name: metrics_json(m) for name, m in found.items()}, indent=2))
        return
    columns = [c for c in COLUMNS if c.key not in ("params", "seconds")]
    rows = [{"model": name, **metrics.summary()} for name, metrics in found.items()]
    source = task.spec.source_accuracy
    if data and source is not None:
        columns.append(Column("drop", "drop"))
        for row, metrics in zip(rows, found.values(), strict=True):
            row["drop"] = source - metrics.overall
    print(render_table(rows, columns, groups=task.groups))
    if data and source is not None:
        print(f"Drop: from {source:.1%}, overall on the test images set aside in training.")
    if folder is not None:
        print(f"per class: {folder}/*.csv and *.json")


@app.command()
def predict(
    run: Run,
    paths: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    top: Annotated[int, typer.Option(min=1, help="Classes to name.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    device: Device = None,
) -> None:
    """Name the most probable classes of images."""
    from dataclasses import asdict

    from lpt.api import load
    from lpt.task import find_images

    task = load(run, device=device)
    for prediction in task.predict(find_images(paths), top=top):
        if as_json:
            print(json.dumps(asdict(prediction), ensure_ascii=False))
            continue
        named = zip(prediction.labels, prediction.probabilities, strict=True)
        print(f"{prediction.path}  " + "  ".join(f"{label} {p:.1%}" for label, p in named))


@app.command()
def backbones() -> None:
    """What can be loaded, and what is here already."""
    from lpt.backbones import list_backbones

    rows = [
        (e.name, e.place, f"{e.parameters / 1e6:.0f} M", f"{e.image_size} px", e.data, e.note)
        for e in list_backbones()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=False))
        print("  ".join([*cells, row[5]]).rstrip())
    print(
        "\nAlso: any timm ViT with a class token, FILE.safetensors, NAME@FILE.safetensors, a folder"
    )
    print("with config.json and model.safetensors, hf-hub:ORG/NAME, random:NAME (untrained).")


@data_app.command("inspect")
def data_inspect(
    data: Data,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    many_above: Annotated[int, typer.Option(help="Many-shot: more images than this.")] = 100,
    few_below: Annotated[int, typer.Option(help="Few-shot: fewer images than this.")] = 20,
    val_fraction: Annotated[
        float, typer.Option(min=0, max=0.9, help="Set validation images aside as lpt train does.")
    ] = 0.0,
) -> None:
    """Classes, counts, imbalance, many/medium/few, and a picture of the tail."""
    from lpt.data import ClassGroups, inspect_data, open_data, render

    summary = inspect_data(
        open_data(data, val_fraction=val_fraction), ClassGroups(many_above, few_below)
    )
    print(summary.to_json() if as_json else render(summary))


def main() -> None:
    """Run the command line. Errors that a user can cause are printed, exit code 2."""
    with _told():
        app()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except LptError as error:
        print(f"lpt: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _named(entries: list[str]) -> dict[str, str | None]:
    """Data by name: `name=PATH`, or PATH, named after itself; options of data hold = too."""
    named: dict[str, str | None] = {}
    for entry in entries:
        name, equals, source = entry.partition("=")
        if not equals or ":" in name or "/" in name:
            name, source = Path(entry.partition(":")[0]).stem or entry, entry
        if name in named:
            raise ConfigError(
                f"{entry}: '{name}' is named already, for {named[name]}. "
                f"Name each data set, such as other-{name}={source}."
            )
        named[name] = source
    return named
