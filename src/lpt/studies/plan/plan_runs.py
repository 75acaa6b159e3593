"""From a study's rows to its cells: one training each, with everything that decides it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lpt.baselines import BaselineSettings, baseline_names, baseline_settings, baseline_stages
from lpt.config import RunConfig, automatic_batch, load_config
from lpt.errors import ConfigError
from lpt.studies.define.definition import OWN_METHODS, Row, Study
from lpt.studies.define.lr_grid import LearningRate, scaled_baseline, scaled_config
from lpt.studies.define.overrides import Conditions
from lpt.studies.plan.run_store import content_hash
from lpt.studies.plan.study_data import Material, Part

__all__ = ["Cell", "Line", "lines_of", "plan_cell"]

PHASED = ("lpt", "joint", "plain-query", "lpt-norm", "lpt-adapter")
"""Methods that train the phases, so that the settings of these decide them."""

_MACHINE = ("recipe", "backbone", "seed", "checkpoint_seconds", "micro_batch", "selection")
"""Settings that name things, decide no number, or are the same in every cell."""


@dataclass(frozen=True)
class Line:
    """A row of the table: a row of the study on one backbone."""

    row: Row
    backbone: str
    label: str


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        line: the first row that it is for.
        config: of the run, or what a rival takes from it.
        rival: settings of a rival; None for long-tailed prompt tuning and its variants.
        part: which images it is trained and scored on.
        ensemble: whether the mean over five crops is scored beside the single view.
        content: everything that decides the result; the hash of it is the cell's name.
        start: phase 1 as a cell of its own, where this one goes on from there.
        standard: epochs of each stage that the method has by itself.
    """

    line: Line
    config: RunConfig
    baseline: BaselineSettings | None
    part: Part
    ensemble: bool
    content: Mapping[str, Any]
    start: "Cell | None"
    standard: tuple[int, ...]

    @property
    def name(self) -> str:
        """20 hexadecimal digits."""
        return content_hash(self.content)

    @property
    def lr(self) -> float | None:
        """Of prompts in phase 1 (jointly: in phase 2), or a rival's main one."""
        if self.baseline is not None:
            return self.baseline.lr
        phase = self.config.phase1 if self.config.phase1.epochs else self.config.phase2
        return phase.optim.lr

    @property
    def epochs(self) -> tuple[int, ...]:
        """Of each stage that is trained."""
        if self.baseline is not None:
            return baseline_stages(self.line.row.method, self.baseline)
        return _stages(self.line.row, self.config)


def lines_of(study: Study, backbones: tuple[str, ...], recipe: str = "default") -> list[Line]:
    """Rows times backbones.

    Args:
        backbones: those the user named; none for the study's own, or the recipe's.
        recipe: of the rows that name none.
    """
    chosen = tuple(dict.fromkeys(backbones)) or study.backbones
    of = Conditions(recipe=recipe).recipe_of
    if len(chosen) < 2:
        only = chosen[0] if chosen else ""
        return [Line(row, only or load_config(of(row)).backbone, row.label) for row in study.rows]
    return [
        Line(row, backbone, f"{backbone}: {row.label}") for backbone in chosen for row in study.rows
    ]


def plan_cell(
    line: Line,
    conditions: Conditions,
    material: Material,
    *,
    lr: LearningRate,
    seed: int,
    part: Part,
) -> Cell:
    """The cell of a line at a rate and seed.

    Raises: ConfigError for a setting that is unknown or out of range, or an unknown method.
    """
    row = line.row
    recipe = load_config(conditions.recipe_of(row))
    base = recipe.changed(
        {
            **conditions.shared,
            "backbone": line.backbone,
            "seed": seed,
            "data.source": material.config.data.source,
            "data.val_fraction": 0.0,
            "selection": "last",
        }
    )
    if row.method in OWN_METHODS:
        config = _own_config(row, base, conditions, material)
        own_epochs = {f"{p}.epochs": getattr(recipe, p).epochs for p in ("phase1", "phase2")}
        usual = _own_config(row, base.changed(own_epochs), Conditions(), material)
        standard = _stages(row, usual)
        config = scaled_config(config, lr)
        if row.method == "lpt" and not config.phase2.epochs:
            config = _alone(config)
        start = None
        if row.method in ("lpt", "plain-query") and config.phase2.epochs and config.phase1.epochs:
            first = replace(line, row=row.model_copy(update={"method": "lpt"}))
            start = _cell(first, _alone(config), None, conditions, material, part, None, (0,))
        return _cell(line, config, None, conditions, material, part, start, standard)
    chosen = _baseline(row, base, conditions, len(material.trained(part).split("train")))
    settings = scaled_baseline(chosen, lr)
    if row.method in PHASED:
        assert chosen.lr is not None
        base = scaled_config(base, LearningRate(lr.factor(chosen.lr)))
    default_baseline = baseline_settings(row.method)
    default_baseline = default_baseline.changed({"epochs": default_baseline.epochs * row.epochs})
    standard = baseline_stages(row.method, default_baseline)
    return _cell(line, base, settings, conditions, material, part, None, standard)


def _own_config(row: Row, base: RunConfig, conditions: Conditions, material: Material) -> RunConfig:
    changes: dict[str, Any] = {}
    if conditions.epochs is not None:
        changes |= {"phase1.epochs": conditions.epochs, "phase2.epochs": conditions.epochs}
    if conditions.init is not None:
        changes["classifier.init"] = conditions.init
    if row.shared_blocks is not None:
        depth = material.facts(base).depth
        changes["prompts.shared_blocks"] = min(
            depth - 1, max(1, round(row.shared_blocks * depth / 12))
        )
    config = base.changed({**changes, **row.set})
    return _joint(config, row.epochs) if row.method == "joint" else config


def _joint(config: RunConfig, multiple: int) -> RunConfig:
    """One stage: phase 2's order and loss, phase 1's rates (keys have their own)."""
    prompts, keys = config.phase1.optim, config.phase2.optim
    optim = prompts.model_copy(update={"key_lr": keys.key_lr or keys.lr})
    return config.changed(
        {
            "phase1.epochs": 0,
            "phase2.epochs": config.phase2.epochs * multiple,
            "phase2.cached_views": 0,
            "phase2.optim": optim.model_dump(mode="json"),
        }
    )


def _baseline(row: Row, base: RunConfig, conditions: Conditions, images: int) -> BaselineSettings:
    changes = {**conditions.for_baselines, **row.baseline}
    if row.like_phase1:
        loss = base.phase1.loss
        changes |= {"sampler": base.phase1.sampler, "loss": loss.name, "loss_options": loss.options}
        changes["mean_weight"] = base.classifier.mean_weight
    if conditions.epochs is not None:
        changes["epochs"] = conditions.epochs
    if conditions.init is not None:
        changes["init"] = conditions.init
    if conditions.ensemble:
        changes["ensemble"] = False  # scored beside the single view, as for every method
    if row.method == "multitask":
        if conditions.other is None:
            raise ConfigError("multitask: name the second data set with --other DATA.")
        changes["options"] = {"other": conditions.other}
    if row.method not in baseline_names():
        known = ", ".join((*OWN_METHODS, *baseline_names()))
        raise ConfigError(f"method {row.method}: unknown. Known: {known}.")
    try:
        settings = baseline_settings(row.method, **changes)
    except ConfigError as error:
        if not conditions.for_baselines:
            raise
        raise ConfigError(f"--set rival, for {row.label}: {error}") from error
    return settings.changed(
        {
            "epochs": settings.epochs * row.epochs,
            "batch_size": settings.batch_size or automatic_batch(images),
        }
    )


def _alone(config: RunConfig) -> RunConfig:
    """Phase 1 alone, with everything that does not concern it at its default."""
    default = RunConfig()
    tree = config.model_dump(mode="json")
    tree["phase2"] = {**default.phase2.model_dump(mode="json"), "epochs": 0, "cached_views": 0}
    tree["prompts"] = {**default.prompts.model_dump(mode="json"), "length": config.prompts.length}
    return RunConfig.model_validate(tree)


def _cell(
    line: Line,
    config: RunConfig,
    baseline: BaselineSettings | None,
    conditions: Conditions,
    material: Material,
    part: Part,
    start: Cell | None,
    standard: tuple[int, ...],
) -> Cell:
    final = part == "final"
    ensemble = conditions.ensemble and final
    content = {
        "method": line.row.method,
        "config": _deciding(config, phases=line.row.method in PHASED),
        "baseline": None if baseline is None else _content(baseline, material),
        "data": material.identity(part),
        "backbone": material.facts(config).sha256,
        "seed": config.seed,
        "ensemble": ensemble,
        "features": final,
        "shifted": material.shifted_identity if final else {},
    }
    return Cell(line, config, baseline, part, ensemble, content, start, standard)


def _content(baseline: BaselineSettings, material: Material) -> dict[str, Any]:
    """Settings as JSON has them; a second data set by its images, wherever it lies."""
    found: dict[str, Any] = _plain(baseline.model_dump())
    if "other" in found["options"]:
        found["options"]["other"] = material.other_identity
    if not found["mean_weight"]:
        del found["mean_weight"]  # cells from before there was one keep their names
    if found["dropout"] is None:
        del found["dropout"]  # it is the configuration's
    return found


def _deciding(config: RunConfig, *, phases: bool) -> dict[str, Any]:
    """What of a configuration decides a number."""
    tree: dict[str, Any] = config.model_dump(mode="json")
    dropped = _MACHINE if phases else (*_MACHINE, "phase1", "phase2", "prompts")
    kept = {name: value for name, value in tree.items() if name not in dropped}
    for phase in ("phase1", "phase2") if phases else ():
        if not tree[phase]["epochs"]:
            kept[phase] = {"epochs": 0}  # a later default of it makes no new cell
    if phases and not config.phase2.epochs:
        kept["prompts"] = {"length": config.prompts.length}
    if not (phases and config.classifier.mean_weight):
        # Nothing was averaged, as in cells from before there was such a setting: same names.
        kept["classifier"] = {k: v for k, v in kept["classifier"].items() if k != "mean_weight"}
    return kept | {"data": {name: tree["data"][name] for name in ("many_above", "few_below")}}


def _stages(row: Row, config: RunConfig) -> tuple[int, ...]:
    if row.method == "plain":
        return ()
    if row.method == "joint":
        return (config.phase2.epochs,)
    both = (config.phase1.epochs, config.phase2.epochs)
    return both if config.phase2.epochs else both[:1]


def _plain(value: Any) -> Any:
    """Mappings and tuples as JSON has them."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
