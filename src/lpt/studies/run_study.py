"""Run a study by name and write its results: Markdown, CSV, JSON and a chart."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lpt.backbones import warn_if_leaky
from lpt.config import load_config
from lpt.data.class_groups import ClassGroups
from lpt.errors import ConfigError, LptError, RunError
from lpt.files.atomic_files import write_json, write_text
from lpt.files.json_files import MAX_JSON_BYTES, json_value
from lpt.files.regular_files import read_regular
from lpt.machine.devices import choose_device
from lpt.progress import Reporter, plural
from lpt.studies.define.definition import Study
from lpt.studies.define.lr_grid import DEFAULT_LRS, LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.define.row_labels import label_of
from lpt.studies.define.study_file import find_study, study_title
from lpt.studies.plan.plan_runs import Line, lines_of
from lpt.studies.plan.run_store import RunStore
from lpt.studies.plan.study_data import SELECTION_SHARE, StudyData
from lpt.studies.run.row_result import RowPlan, RowResult
from lpt.studies.run.runner import StudyRunner
from lpt.studies.table.export import study_csv, study_json
from lpt.studies.table.rendering import render_study
from lpt.studies.table.study_chart import study_svg
from lpt.studies.table.study_table import StudyTable, make_table
from lpt.training.run.device_setup import uses_bf16

__all__ = ["Request", "plan_study", "run_study"]


@dataclass(frozen=True)
class Request:
    """Arguments of `lpt study`.

    Attributes:
        name: of the study, or a YAML file of rows.
        data: in the form that `lpt.data.sources.open_data.open_data` accepts.
        out: folder of the results; runs are in its subfolder `runs`.
        backbones: in place of the study's own.
        seeds: runs per row.
        lrs: candidate learning rates; a single one needs no selection.
        overrides: other changes to every row.
        only: labels of rows; empty for all.
        reference: label of the row that others are compared with; "" for the first.
        shifted: other test sets by name, for `shift`.
        retry: train failed runs again.
        device: "cpu" avoids the GPU; None uses a GPU if there is one.
    """

    name: str
    data: str
    out: Path
    backbones: tuple[str, ...] = ()
    seeds: int = 3
    lrs: tuple[LearningRate, ...] = DEFAULT_LRS
    overrides: Overrides = field(default_factory=Overrides)
    only: tuple[str, ...] = ()
    reference: str = ""
    shifted: Mapping[str, str] = field(default_factory=dict)
    retry: bool = False
    device: str | None = None


def run_study(request: Request, reporter: Reporter) -> StudyTable:
    """Train the missing runs of a study and write its results.

    Settings, data and backbones are checked before the first run.

    Returns: the table; `TableRow.failed` names a failed run.
    Raises: LptError naming setting, value and remedy.
    """
    study, runner, study_data, reference = _prepared(request, reporter)
    reporter.message(_summary(runner))
    groups = ClassGroups(study_data.config.data.many_above, study_data.config.data.few_below)
    asked = _asked(request)
    title = study_title(request.name)
    _keep_other_tables(request.out, title, asked)

    def table(row_results: list[RowResult]) -> StudyTable:
        made = make_table(
            title,
            study,
            row_results,
            runner.store,
            data=study_data.data.name,
            counts=study_data.data.counts("train").tolist(),
            groups=groups,
            reference=reference,
            shifted=[one.images.name for one in study_data.shifted],
            notes=_notes(runner, study_data, request),
        )
        _write(request.out, made, asked)
        return made

    return table(runner.run(table))


def plan_study(request: Request, reporter: Reporter) -> list[RowPlan]:
    """Check a study as `run_study` does and count its runs; nothing is trained or written.

    Raises: as `run_study`.
    """
    _, runner, _, _ = _prepared(request, reporter)
    reporter.message(_summary(runner))
    rows = runner.planned()
    shared = sum(row.choosing + row.final for row in rows) - len(runner.row_runs())
    if shared > 0:
        reporter.message(f"note    {plural(shared, 'run')} counted in several rows, trained once")
    return rows


def _summary(runner: StudyRunner) -> str:
    """Number of runs by purpose, and of those already done."""
    runs, own = runner.runs(), runner.row_runs()
    done = sum(runner.store.is_finished(run.name) for run in runs)
    choosing = sum(run.part == "selection" for run in own)
    purposes = {
        "for learning-rate selection": choosing,
        "for the table": len(own) - choosing,
        "of phase 1, from which others continue": len(runs) - len(own),
    }
    parts = ", ".join(f"{count} {purpose}" for purpose, count in purposes.items() if count)
    return f"runs    {len(runs)} ({parts}); {done} already done"


def _prepared(request: Request, reporter: Reporter) -> tuple[Study, StudyRunner, StudyData, str]:
    """The checked study, its runner and data, and the label of the reference row."""
    study = find_study(request.name, request.overrides.recipe)
    lines = _lines(study, request)
    reference = _reference(study, lines, request.reference)
    overrides = request.overrides
    if (study.needs == "other") != (overrides.other is not None):
        wants = "name the second data set with --other DATA" if study.needs else "takes no --other"
        raise ConfigError(f"study {request.name}: {wants}.")
    config = load_config(overrides.recipe).changed(
        {**overrides.shared, "data.source": request.data}
    )
    # Checked before any run, which would store the error as its result.
    uses_bf16(config.precision, choose_device(request.device))
    study_data = StudyData(
        config,
        reporter,
        device=request.device,
        shifted=request.shifted,
        corrupted=study.needs == "shifted" and not request.shifted,
        other=overrides.other,
    )
    _warn(lines, reporter)
    runner = StudyRunner(
        lines,
        study_data,
        RunStore(request.out / "runs"),
        request.overrides,
        lrs=request.lrs,
        seeds=request.seeds,
        retry=request.retry,
        reporter=reporter,
    )
    runner.runs()  # checks every setting of every row before anything is written
    return study, runner, study_data, reference


def _lines(study: Study, request: Request) -> list[Line]:
    lines = lines_of(study, request.backbones, request.overrides.recipe)
    labels = [row.label for row in study.rows]
    wanted = {label_of(asked, labels, "--only") for asked in request.only}
    return [line for line in lines if not wanted or line.row.label in wanted]


def _reference(study: Study, lines: Sequence[Line], asked: str) -> str:
    """Label of a row that is trained."""
    if not asked:
        return lines[0].row.label
    found = label_of(asked, [row.label for row in study.rows], "--reference")
    if found not in {line.row.label for line in lines}:
        raise ConfigError(f'--reference {asked}: excluded by --only. Add --only "{found}".')
    return found


def _warn(lines: Sequence[Line], reporter: Reporter) -> None:
    for backbone in dict.fromkeys(line.backbone for line in lines):
        warning = warn_if_leaky(backbone)
        if warning:
            reporter.message(f"note  {warning}")


def _notes(runner: StudyRunner, study_data: StudyData, request: Request) -> list[str]:
    train = len(study_data.trained("final").split("train"))
    test = len(study_data.scored("final"))
    notes = [
        f"Trained on all {plural(train, 'training image')}, last epoch, scored on "
        f"{plural(test, 'test image')}."
    ]
    if runner.selecting:
        count = len(study_data.scored("selection"))
        lrs = ", ".join(map(str, request.lrs))
        notes.append(
            f"Learning rate: the best of {lrs} by macro accuracy on {plural(count, 'image')} held "
            f"out of training ({100 * SELECTION_SHARE:.0f} % of classes with 10 images or more, or "
            "the data's own validation images), seed 0; the same images for all rows."
        )
    if study_data.other is not None:
        notes.append(
            f"Second data set: {study_data.other.name}. Scored on the first; swap --data and "
            "--other to score on the second."
        )
    if study_data.shifted:
        notes.append("Shifted images are classified among the classes of their own set.")
    overrides = request.overrides
    if overrides.tta:
        notes.append(
            "The first table is without test-time augmentation, also for LIFT and RIDE, which use "
            "it by default."
        )
    backbones = ", ".join(dict.fromkeys(line.backbone for line in runner.lines))
    seeds = "seed 0" if request.seeds == 1 else f"seeds 0 to {request.seeds - 1}"
    own = {line.row.label: overrides.recipe_of(line.row) for line in runner.lines}
    used = [f"recipe {overrides.recipe}"]
    used += [f"{row}: recipe {name}" for row, name in own.items() if name != overrides.recipe]
    used += [f"backbone {backbones}", seeds]
    used += [f"{name}={value}" for name, value in overrides.settings.items()]
    used += [f"classifier initialisation {overrides.init}"] if overrides.init else []
    return [*notes, f"Settings: {'; '.join(used)}."]


def _asked(request: Request) -> dict[str, Any]:
    """The part of a request that decides its table, as JSON values."""
    tree = asdict(request)
    for name in ("out", "retry", "device", "reference"):
        tree.pop(name)
    asked: dict[str, Any] = json.loads(json.dumps(tree))
    return asked


def _keep_other_tables(out: Path, name: str, asked: Mapping[str, Any]) -> None:
    """Rename an earlier table of this name if it answers another request.

    More seeds of the same request extend its table; fewer seeds do not. A request whose table is
    numbered keeps its number.
    """
    before = _asked_for(out / f"{name}.json")
    if before is None or _extends(before, asked):
        return
    numbered = ((n, out / f"{name}.{n}.json") for n in itertools.count(1))
    number = next(n for n, file in numbered if not file.exists() or _asked_for(file) == before)
    for ending in ("md", "csv", "svg", "json"):
        file = out / f"{name}.{ending}"
        if file.exists():
            file.replace(out / f"{name}.{number}.{ending}")


def _asked_for(file: Path) -> Mapping[str, Any] | None:
    """The request of an earlier table; None if it cannot be read."""
    try:
        found = json_value(read_regular(file, MAX_JSON_BYTES), RunError)
    except LptError:
        return None
    asked = found.get("asked") if isinstance(found, dict) else None
    return asked if isinstance(asked, dict) else None


def _extends(before: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a request equals an earlier one, with as many seeds or more."""
    now = {**asked, "seeds": before.get("seeds")}
    return before == now and before.get("seeds", 0) <= asked["seeds"]


def _write(out: Path, table: StudyTable, asked: Mapping[str, Any]) -> None:
    write_text(out / f"{table.name}.md", render_study(table, "markdown"))
    write_text(out / f"{table.name}.csv", study_csv(table))
    write_json(out / f"{table.name}.json", {**study_json(table), "asked": asked})
    write_text(out / f"{table.name}.svg", study_svg(table))
