"""A study as data: rows to train, measures to show, and the numbers that the paper reports."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from lpt.errors import ConfigError

__all__ = ["OWN_METHODS", "Published", "Row", "Study", "load_study", "study_names", "with_recipe"]

OWN_METHODS = ("lpt", "plain", "joint", "plain-query")
"""Methods other than the baselines of `lpt.baselines`: long-tailed prompt tuning and its variants
(`phase2.epochs` 0 trains phase 1 only), and the untrained backbone with class means."""

Measure = Literal["overall", "many", "medium", "few", "macro", "knn", "gamma", "shifted"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Published(_Strict):
    """Numbers that the paper reports for a row.

    Attributes:
        values: measure -> share in [0, 1] (gamma: number).
        source: table or section.
        data: name of the data set. The backbone is ViT-B/16 (ImageNet-21k) unless `backbone` is
            given.
        derived: computed from a printed difference, so uncertain by half a point.
        backbone: part of the name of the backbone that was measured; "" for any.
    """

    values: Mapping[Measure, float]
    source: str
    data: str = "Places-LT"
    derived: bool = False
    backbone: str = ""


class Row(_Strict):
    """One line of a study's table.

    Attributes:
        label: name in the table; "{recipe}" in it is replaced by the study's recipe.
        method: of `OWN_METHODS`, or a baseline's name.
        recipe: recipe that `set` changes; baselines take data, augmentation and precision from it.
        set: dotted settings of the run's configuration.
        baseline: settings of the baseline (`lpt.baselines.BaselineSettings`).
        curve: name of the method whose row this is, for a study of accuracy against seconds of
            training: the figure joins the rows of one curve. "" for none.
        like_phase1: whether the baseline takes loss and sampler from the recipe's phase 1.
        shared_blocks: K for a backbone of 12 blocks; scaled to other depths.
        epochs: multiple of the study's epochs.
        paper: numbers of the paper.
    """

    label: str
    method: str = "lpt"
    recipe: str = "default"
    set: Mapping[str, Any] = {}
    baseline: Mapping[str, Any] = {}
    like_phase1: bool = False
    shared_blocks: Annotated[int, Field(ge=1, le=11)] | None = None
    epochs: Annotated[int, Field(ge=1)] = 1
    paper: tuple[Published, ...] = ()
    curve: str = ""


class Study(_Strict):
    """A comparison: of the paper, or of one's own.

    Attributes:
        about: the question in one line.
        source: tables of the paper that it reproduces, or the file of its rows.
        rows: in the order of the table; the first is the default reference for differences.
        backbones: those it compares by default; empty for the recipe's.
        measures: columns in addition to the accuracies.
        needs: further input: "shifted" test sets (by default corruptions of the test images), or an
            "other" data set.
    """

    about: str
    source: str
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    backbones: tuple[str, ...] = ()
    measures: tuple[Literal["features", "shifted"], ...] = ()
    needs: Literal["", "shifted", "other"] = ""


def study_names() -> tuple[str, ...]:
    """Return the names of all studies, in the order of the paper's tables."""
    return tuple(_tree())


@cache
def load_study(name: str, recipe: str = "default") -> Study:
    """Load a study by name, with the recipe's name in its labels.

    If two rows then have the same label, only the first is kept.

    Args:
        recipe: name or file of the recipe of rows that name none.
    Raises: ConfigError naming the known studies.
    """
    if name not in _tree():
        raise ConfigError(
            f"study {name}: unknown. Known: {', '.join(_tree())}. "
            "A study of your own is a YAML file (docs/studies.md)."
        )
    return with_recipe(Study.model_validate(_tree()[name]), recipe)


def with_recipe(study: Study, recipe: str) -> Study:
    """Put the recipe's name into the labels of a study; of rows with one label, keep the first."""
    rows: dict[str, Row] = {}
    for row in study.rows:
        label = row.label.replace("{recipe}", Path(recipe).stem)
        rows.setdefault(label, row.model_copy(update={"label": label}))
    return study.model_copy(update={"rows": tuple(rows.values())})


@cache
def _tree() -> dict[str, Any]:
    text = (resources.files("lpt.studies") / "studies.yaml").read_text(encoding="utf-8")
    tree: dict[str, Any] = yaml.safe_load(text)
    return {name: study for name, study in tree.items() if not name.startswith("_")}
