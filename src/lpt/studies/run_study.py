"""A study from its name to its files: the table as text, Markdown, CSV and JSON, and a picture."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lpt.backbones import warn_if_leaky
from lpt.config import load_config
from lpt.data.class_groups import ClassGroups
from lpt.devices import choose_device
from lpt.errors import ConfigError
from lpt.files import write_json, write_text
from lpt.progress import Reporter
from lpt.studies.define.definition import Study, load_study
from lpt.studies.define.lr_grid import DEFAULT_LRS, LearningRate
from lpt.studies.define.overrides import Conditions
from lpt.studies.plan.plan_runs import Line, lines_of
from lpt.studies.plan.run_store import CellStore
from lpt.studies.plan.study_data import CARVED, Material
from lpt.studies.run.row_result import Outcome, Planned
from lpt.studies.run.runner import StudyRun
from lpt.studies.table.chart import study_svg
from lpt.studies.table.export import study_csv, study_json
from lpt.studies.table.rendering import render_study
from lpt.studies.table.study_table import StudyTable, make_table
from lpt.training.run.environment import uses_bf16

__all__ = ["Request", "label_of", "plan_study", "run_study"]


@dataclass(frozen=True)
class Request:
    """What `lpt study` was asked for.

    Attributes:
        name: of the study.
        data: as `lpt.data.sources.open_data.open_data` takes it.
        out: folder of the results and, below `cells`, of the cells.
        backbones: in place of the study's own.
        seeds: cells a row.
        rates: candidates; one leaves nothing to choose.
        conditions: what else is changed for every row.
        only: labels of rows; empty for all.
        reference: label of the row that others are compared with; "" for the first.
        shifted: other test sets by name, for `shift`.
        retry: train failed cells again.
        device: "cpu" keeps off a GPU; None takes what there is.
    """

    name: str
    data: str
    out: Path
    backbones: tuple[str, ...] = ()
    seeds: int = 3
    lrs: tuple[LearningRate, ...] = DEFAULT_LRS
    conditions: Conditions = field(default_factory=Conditions)
    only: tuple[str, ...] = ()
    reference: str = ""
    shifted: Mapping[str, str] = field(default_factory=dict)
    retry: bool = False
    device: str | None = None


def run_study(request: Request, reporter: Reporter) -> StudyTable:
    """Train what is missing of a study and write its results.

    Everything that can be checked is checked before the first cell: settings, data, backbones.

    Returns: the table; a row says if a cell of it failed.
    Raises: LptError naming setting, value and remedy.
    """
    study, run, material, reference = _prepared(request, reporter)
    reporter.message(_told(run))
    groups = ClassGroups(material.config.data.many_above, material.config.data.few_below)
    asked = _asked(request)
    _keep_other_tables(request.out, request.name, asked)

    def table(outcomes: list[Outcome]) -> StudyTable:
        made = make_table(
            request.name,
            study,
            outcomes,
            run.store,
            data=material.data.name,
            counts=material.data.counts("train").tolist(),
            groups=groups,
            reference=reference,
            shifted=[one.images.name for one in material.shifted],
            notes=_notes(run, material, request),
        )
        _write(request.out, made, asked)
        return made

    return table(run.run(table))


def plan_study(request: Request, reporter: Reporter) -> list[Planned]:
    """What `run_study` would have to train, checked alike; nothing is trained or written.

    Raises: as `run_study`.
    """
    _, run, _, _ = _prepared(request, reporter)
    reporter.message(_told(run))
    return run.planned()


def _told(run: StudyRun) -> str:
    """How many trainings there are, what for, and how many are there already."""
    cells = run.cells()
    found = sum(run.store.is_finished(cell.name) for cell in cells)
    choosing = sum(cell.part == "selection" for cell in cells)
    why = f", {choosing} of them to choose rates" if choosing else ""
    return f"cells   {len(cells)} trainings{why}, phase 1 counted apart; {found} found"


def _prepared(request: Request, reporter: Reporter) -> tuple[Study, StudyRun, Material, str]:
    """The study with everything checked, the run, its material and the row compared with."""
    study = load_study(request.name, request.conditions.recipe)
    lines = _lines(study, request)
    reference = _reference(study, lines, request.reference)
    conditions = request.conditions
    if (study.needs == "other") != (conditions.other is not None):
        wants = "name the second data set with --other DATA" if study.needs else "takes no --other"
        raise ConfigError(f"study {request.name}: {wants}.")
    config = load_config(conditions.recipe).changed(
        {**conditions.shared, "data.source": request.data}
    )
    # Before any cell, which would keep the error as its own result.
    uses_bf16(config.precision, choose_device(request.device))
    material = Material(
        config,
        reporter,
        device=request.device,
        shifted=request.shifted,
        corrupted=study.needs == "shifted" and not request.shifted,
        other=conditions.other,
    )
    _warn(lines, reporter)
    run = StudyRun(
        lines,
        material,
        CellStore(request.out / "cells"),
        request.conditions,
        lrs=request.lrs,
        seeds=request.seeds,
        retry=request.retry,
        reporter=reporter,
    )
    run.cells()  # every setting of every row is checked before anything is written
    return study, run, material, reference


def _lines(study: Study, request: Request) -> list[Line]:
    lines = lines_of(study, request.backbones, request.conditions.recipe)
    labels = [row.label for row in study.rows]
    wanted = {label_of(asked, labels, "--only") for asked in request.only}
    return [line for line in lines if not wanted or line.row.label in wanted]


def _reference(study: Study, lines: Sequence[Line], asked: str) -> str:
    """Label of a row that is trained."""
    if not asked:
        return lines[0].row.label
    found = label_of(asked, [row.label for row in study.rows], "--against")
    if found not in {line.row.label for line in lines}:
        raise ConfigError(f'--against {asked}: is left out by --only. Add --only "{found}".')
    return found


def label_of(asked: str, labels: Sequence[str], option: str) -> str:
    """The row that is meant: by its whole label, or by how the label of one row alone begins.

    Raises: ConfigError naming the rows if none or several begin so.
    """
    if asked in labels:
        return asked
    found = [label for label in labels if label.lower().startswith(asked.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f'{option} "{asked}": could be {"; ".join(found)}. Write more of it.')
    raise ConfigError(f'{option} "{asked}": no row of this study. Rows: {"; ".join(labels)}.')


def _warn(lines: Sequence[Line], reporter: Reporter) -> None:
    for backbone in dict.fromkeys(line.backbone for line in lines):
        warning = warn_if_leaky(backbone)
        if warning:
            reporter.message(f"note  {warning}")


def _notes(run: StudyRun, material: Material, request: Request) -> list[str]:
    train, test = len(material.trained("final").split("train")), len(material.scored("final"))
    notes = [
        f"Trained on all {train:,} training images, last epoch, scored on {test:,} test images."
    ]
    if run.selecting:
        count = len(material.scored("selection"))
        lrs = ", ".join(map(str, request.lrs))
        notes.append(
            f"Learning rate: the best of {lrs} by macro accuracy on {count:,} images held out of "
            f"training ({100 * CARVED:.0f} % of classes with 10 images or more, or validation "
            "images that the data names), seed 0; the same for all rows."
        )
    if material.other is not None:
        notes.append(
            f"Second data set: {material.other.name}. Scored on the first; exchange --data and "
            "--other to score on the second."
        )
    if material.shifted:
        notes.append("Of shifted images the answer is chosen among the classes of their own set.")
    if request.conditions.ensemble:
        notes.append(
            "The first table is of single views, for LIFT too, which by itself has five crops."
        )
    backbones = ", ".join(dict.fromkeys(line.backbone for line in run.lines))
    seeds = "seed 0" if request.seeds == 1 else f"seeds 0 to {request.seeds - 1}"
    conditions = request.conditions
    own = {line.row.label: conditions.recipe_of(line.row) for line in run.lines}
    told = [f"recipe {conditions.recipe}"]
    told += [f"{row}: recipe {name}" for row, name in own.items() if name != conditions.recipe]
    told += [f"backbone {backbones}", seeds]
    told += [f"{name}={value}" for name, value in conditions.settings.items()]
    told += [f"classifiers start at {conditions.init}"] if conditions.init else []
    return [*notes, f"Settings: {'; '.join(told)}."]


def _asked(request: Request) -> dict[str, Any]:
    """What decides a table, as JSON has it."""
    tree = asdict(request)
    for name in ("out", "retry", "device", "reference"):
        tree.pop(name)
    asked: dict[str, Any] = json.loads(json.dumps(tree))
    return asked


def _keep_other_tables(out: Path, name: str, asked: Mapping[str, Any]) -> None:
    """Give another request's table of this name a number, so that this one overwrites none.

    More seeds of the same request go on with its table; fewer do not. A request whose table has a
    number keeps it.
    """
    before = _asked_for(out / f"{name}.json")
    if before is None or _goes_on(before, asked):
        return
    numbered = ((n, out / f"{name}.{n}.json") for n in itertools.count(1))
    number = next(n for n, file in numbered if not file.exists() or _asked_for(file) == before)
    for ending in ("md", "csv", "svg", "json"):
        file = out / f"{name}.{ending}"
        if file.exists():
            file.replace(out / f"{name}.{number}.{ending}")


def _asked_for(file: Path) -> Mapping[str, Any] | None:
    """The request of a table that was written; None if there is none to be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8")).get("asked")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, dict) else None


def _goes_on(before: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a table asked for now holds the seeds of the one before, and is alike otherwise."""
    now = {**asked, "seeds": before.get("seeds")}
    return before == now and before.get("seeds", 0) <= asked["seeds"]


def _write(out: Path, table: StudyTable, asked: Mapping[str, Any]) -> None:
    write_text(out / f"{table.name}.md", render_study(table, "markdown"))
    write_text(out / f"{table.name}.csv", study_csv(table))
    write_json(out / f"{table.name}.json", {**study_json(table), "asked": asked})
    write_text(out / f"{table.name}.svg", study_svg(table))
