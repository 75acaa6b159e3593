"""lpt study: the paper's comparisons as tables."""

from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.options import DATA_HELP, Device, named_data
from lpt.errors import ConfigError

__all__ = ["study"]


def study(
    name: Annotated[
        str | None, typer.Argument(help="Of the study; none lists them.", show_default=False)
    ] = None,
    data: Annotated[str | None, typer.Option(help=DATA_HELP)] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            help="timm name, file or folder; repeat for several. random:NAME is untrained."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Cells of each row.")] = 3,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Of each phase and of each rival; by default the method's own."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of results and cells; several may share it. By default runs/studies/DATA."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of every row; baseline.KEY for baselines."
        ),
    ] = None,
    lrs: Annotated[
        str | None,
        typer.Option(
            help="Rates to choose from: x1/3,x1,x3 are multiples of each method's own (the "
            "default), 0.001,0.003 are rates; one leaves nothing to choose."
        ),
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Recipe of the rows that name none: default, paper, released, ...")
    ] = "default",
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROW", help="This row alone, or how its name begins; repeat for several."
        ),
    ] = None,
    reference: Annotated[
        str,
        typer.Option(metavar="ROW", help="Row to compare the others with. [default: the first]"),
    ] = "",
    init: Annotated[
        str | None, typer.Option(help="Start of every classifier: class-means or uniform.")
    ] = None,
    tta: Annotated[
        bool,
        typer.Option(
            "--tta", help="Also score every method with test-time augmentation (five crops)."
        ),
    ] = False,
    shifted: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DATA", help="Other test images; repeat for several."),
    ] = None,
    other: Annotated[str | None, typer.Option(help="Second data set, for multitask.")] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Train cells again that failed before.")
    ] = False,
    as_list: Annotated[
        bool, typer.Option("--list", help="List the studies, or the rows of the one named.")
    ] = False,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Check everything and say what there is to train; no more."),
    ] = False,
    device: Device = None,
) -> None:
    """A comparison of the paper as one table, with seeds and spread; goes on where it stopped."""
    from lpt.config import parse_settings
    from lpt.studies.define.definition import load_study, study_names

    if name is not None and as_list:
        print("\n".join(row.label for row in load_study(name, recipe).rows))
        return
    if name is None:
        width = max(map(len, study_names()))
        for known in study_names():
            found = load_study(known)
            print(f"{known:<{width}}  {found.about} ({found.source})")
        return
    load_study(name)
    if data is None:
        raise ConfigError(f"study {name}: name the data with --data.")
    from lpt.api import run_name
    from lpt.reporters import reporter_for
    from lpt.studies.define.lr_grid import parse_lrs
    from lpt.studies.define.overrides import Conditions
    from lpt.studies.run_study import Request, plan_study, run_study
    from lpt.studies.table.rendering import render_plan, render_study

    folder = out or Path("runs") / "studies" / run_name(data)
    conditions = Conditions(epochs, init, tta, parse_settings(settings or []), other, recipe)
    request = Request(
        name,
        data,
        folder,
        tuple(backbone or ()),
        seeds,
        parse_lrs(lrs),
        conditions,
        tuple(only or ()),
        reference,
        named_data(shifted or []),
        retry,
        device,
    )
    if plan:
        print(render_plan(plan_study(request, reporter_for())), end="")
        return
    table = run_study(request, reporter_for())
    print(render_study(table))
    print(f"files  {folder}/{name}.md, .csv, .json, .svg; cells in {folder}/cells")
    if any(row.failed for row in table.rows):
        raise SystemExit(1)
