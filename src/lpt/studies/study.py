"""A study from its name to its files: the table as text, Markdown, CSV and JSON, and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lpt.backbones import warn_if_leaky
from lpt.config import load_config
from lpt.data import ClassGroups
from lpt.errors import ConfigError
from lpt.files import write_json, write_text
from lpt.studies.cells import CellStore
from lpt.studies.definition import Study, load_study
from lpt.studies.material import CARVED, Material
from lpt.studies.planning import Conditions, Line, lines_of
from lpt.studies.plot import study_svg
from lpt.studies.rates import DEFAULT_RATES, Rate
from lpt.studies.rendering import render_study, study_csv, study_json
from lpt.studies.runner import Outcome, StudyRun
from lpt.studies.table import StudyTable, make_table
from lpt.training.reporting import Reporter

__all__ = ["Request", "label_of", "run_study"]


@dataclass(frozen=True)
class Request:
    """What `lpt study` was asked for.

    Attributes:
        name: of the study.
        data: as `lpt.data.open_data` takes it.
        out: folder of the results and, below `cells`, of the cells.
        backbones: in place of the study's own.
        seeds: cells a row.
        rates: candidates; one leaves nothing to choose.
        conditions: what else is changed for every row.
        only: labels of rows; empty for all.
        reference: label of the row that others are compared with; "" for the first.
        shifted: other test sets by name, for `shift`.
        retry: train failed cells again.
    """

    name: str
    data: str
    out: Path
    backbones: tuple[str, ...] = ()
    seeds: int = 3
    rates: tuple[Rate, ...] = DEFAULT_RATES
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
    study = load_study(request.name)
    lines = _lines(study, request)
    reference = _reference(lines, request.reference)
    if study.needs == "other" and request.conditions.other is None:
        raise ConfigError(f"study {request.name}: name the second data set with --other DATA.")
    shared = {k: v for k, v in request.conditions.settings.items() if not k.startswith("rival.")}
    material = Material(
        load_config("default").changed({**shared, "data.source": request.data}),
        reporter,
        device=request.device,
        shifted=request.shifted,
        corrupted=study.needs == "shifted" and not request.shifted,
    )
    _warn(lines, reporter)
    store = CellStore(request.out / "cells")
    run = StudyRun(
        lines,
        material,
        store,
        request.conditions,
        rates=request.rates,
        seeds=request.seeds,
        retry=request.retry,
        reporter=reporter,
    )
    run.cells()  # every setting of every row is checked before anything is written
    store.claim()
    config = material.config.data

    def table(outcomes: list[Outcome]) -> StudyTable:
        made = make_table(
            request.name,
            study,
            outcomes,
            store,
            data=material.data.name,
            counts=material.data.counts("train").tolist(),
            groups=ClassGroups(config.many_above, config.few_below),
            reference=reference,
            shifted=[one.images.name for one in material.shifted],
            notes=_notes(run, material, request),
        )
        _write(request.out, made)
        return made

    try:
        return table(run.run(table))
    finally:
        store.release()


def _lines(study: Study, request: Request) -> list[Line]:
    lines = lines_of(study, request.backbones)
    labels = [row.label for row in study.rows]
    wanted = {label_of(asked, labels, "--only") for asked in request.only}
    return [line for line in lines if not wanted or line.row.label in wanted]


def _reference(lines: Sequence[Line], asked: str) -> str:
    labels = [line.label for line in lines]
    return label_of(asked, labels, "--against") if asked else labels[0]


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
        raise ConfigError(f"{option} {asked}: could be {'; '.join(found)}. Write more of it.")
    raise ConfigError(f"{option} {asked}: no row of this study. Rows: {'; '.join(labels)}.")


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
        rates = ", ".join(map(str, request.rates))
        notes.append(
            f"Learning rate: the best of {rates} by macro accuracy on {count:,} images held out of "
            f"training ({100 * CARVED:.0f} % of classes with 10 images or more, or validation "
            "images that the data names), seed 0; the same for all rows."
        )
    if request.conditions.ensemble:
        notes.append(
            "The first table is of single views, for LIFT too, which by itself has five crops."
        )
    return notes


def _write(out: Path, table: StudyTable) -> None:
    write_text(out / f"{table.name}.md", render_study(table, "markdown"))
    write_text(out / f"{table.name}.csv", study_csv(table))
    write_json(out / f"{table.name}.json", study_json(table))
    write_text(out / f"{table.name}.svg", study_svg(table))
