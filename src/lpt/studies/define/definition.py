"""A study as data: rows to train, measures to show, and what the paper reports beside them."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from lpt.errors import ConfigError

__all__ = ["OWN_METHODS", "Published", "Row", "Study", "load_study", "study_names"]

OWN_METHODS = ("lpt", "plain", "joint", "plain-query")
"""Methods of a row that are no rival of `lpt.baselines`: long-tailed prompt tuning and its variants
(`phase2.epochs` 0 trains phase 1 alone), and the plain backbone with class means, untrained."""

Measure = Literal["overall", "many", "medium", "few", "macro", "knn", "gamma", "shifted"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Published(_Strict):
    """What the paper reports for a row.

    Attributes:
        values: measure -> share in [0, 1] (gamma: number).
        source: table or section.
        data: what it was measured on; ViT-B/16 of ImageNet-21k unless `backbone` says otherwise.
        derived: computed from a printed difference, so half a point uncertain.
        backbone: part of the backbone's name that the values belong to; "" for any.
    """

    values: Mapping[Measure, float]
    source: str
    data: str = "Places-LT"
    derived: bool = False
    backbone: str = ""


class Row(_Strict):
    """One line of a study's table.

    Attributes:
        label: what the table calls it; "{recipe}" in it stands for the study's recipe.
        method: of `OWN_METHODS`, or a rival's name.
        recipe: recipe that `set` changes; rivals take data, augmentation and precision from it.
        set: dotted settings of the run's configuration.
        rival: settings of the rival (`lpt.baselines.BaselineSettings`); `options` are its own.
        like_phase1: whether the rival takes loss and order of images from the recipe's phase 1.
        shared_blocks: K for a backbone of 12 blocks; scaled to others.
        epochs: multiple of the study's epochs.
        paper: what the paper reports.
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


class Study(_Strict):
    """A comparison of the paper.

    Attributes:
        about: the question in one line.
        source: tables of the paper that it reproduces.
        rows: in the order of the table; differences are taken against the first.
        backbones: those it compares, unless told others; empty for the recipe's.
        measures: columns beside the accuracies.
        needs: what else the study must be given: "shifted" test sets (else corruptions of the own
            test images), or an "other" data set.
    """

    about: str
    source: str
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    backbones: tuple[str, ...] = ()
    measures: tuple[Literal["features", "shifted"], ...] = ()
    needs: Literal["", "shifted", "other"] = ""


def study_names() -> tuple[str, ...]:
    """All studies, in the order of the paper's tables."""
    return tuple(_tree())


@cache
def load_study(name: str, recipe: str = "default") -> Study:
    """A study by name, its labels with the recipe of the rows that name none.

    Of two rows that then have one label, the first stays.

    Args:
        recipe: name or file.
    Raises: ConfigError naming the known studies.
    """
    if name not in _tree():
        raise ConfigError(f"study {name}: unknown. Known: {', '.join(_tree())}.")
    study = Study.model_validate(_tree()[name])
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
