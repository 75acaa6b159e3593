"""From the rows of a study to its runs: one training each, with everything that decides it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lpt.baselines import BaselineSettings, baseline_names, baseline_settings, baseline_stages
from lpt.config import RunConfig, automatic_batch, load_config
from lpt.errors import ConfigError
from lpt.studies.define.definition import OWN_METHODS, Row, Study
from lpt.studies.define.lr_grid import LearningRate, scaled_baseline, scaled_config
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.method_reads import settings_read
from lpt.studies.plan.run_key import baseline_facts, config_facts, run_key, visible_config
from lpt.studies.plan.study_data import Part, StudyData

__all__ = ["Line", "StudyRun", "lines_of", "plan_run"]


@dataclass(frozen=True)
class Line:
    """A row of the table: a row of the study on one backbone."""

    row: Row
    backbone: str
    label: str


@dataclass(frozen=True)
class StudyRun:
    """One training of a study.

    Attributes:
        line: the first row that needs it.
        config: what the method sees of the configuration.
        baseline: settings of a baseline; None for long-tailed prompt tuning and its variants.
        part: images that it is trained and scored on.
        tta: whether it is also scored with test-time augmentation.
        facts: everything that decides the result; `name` is its key.
        start: phase 1 as a separate run, which this one continues; None if there is none.
        standard: default epochs of each stage of the method.
    """

    line: Line
    config: RunConfig
    baseline: BaselineSettings | None
    part: Part
    tta: bool
    facts: Mapping[str, Any]
    start: "StudyRun | None"
    standard: tuple[int, ...]

    @property
    def name(self) -> str:
        """The run's key: 20 hexadecimal digits."""
        return run_key(self.facts)

    @property
    def lr(self) -> float | None:
        """Learning rate of the prompts in phase 1 (joint: phase 2), or a baseline's `lr`."""
        if self.baseline is not None:
            return self.baseline.lr
        phase = self.config.phase1 if self.config.phase1.epochs else self.config.phase2
        return phase.optim.lr

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs of each stage that is trained."""
        if self.baseline is not None:
            return baseline_stages(self.line.row.method, self.baseline)
        return _stages(self.line.row, self.config)


def lines_of(study: Study, backbones: tuple[str, ...], recipe: str = "default") -> list[Line]:
    """Combine the rows of a study with backbones.

    Args:
        backbones: those the user named; empty for the study's own, or the recipe's.
        recipe: of the rows that name none.
    """
    chosen = tuple(dict.fromkeys(backbones)) or study.backbones
    of = Overrides(recipe=recipe).recipe_of
    if len(chosen) < 2:
        only = chosen[0] if chosen else ""
        return [Line(row, only or load_config(of(row)).backbone, row.label) for row in study.rows]
    return [
        Line(row, backbone, f"{backbone}: {row.label}") for backbone in chosen for row in study.rows
    ]


def plan_run(
    line: Line,
    overrides: Overrides,
    study_data: StudyData,
    *,
    lr: LearningRate,
    seed: int,
    part: Part,
) -> StudyRun:
    """Plan the run of a line with a learning rate and a seed.

    Raises: ConfigError for a setting that is unknown or out of range, or an unknown method.
    """
    row = line.row
    recipe = load_config(overrides.recipe_of(row))
    base = recipe.changed(
        {
            **overrides.shared,
            "backbone": line.backbone,
            "seed": seed,
            "data.source": study_data.config.data.source,
            "data.val_fraction": 0.0,
            "selection": "last",
        }
    )
    make = _Maker(overrides, study_data, part)
    if row.method not in OWN_METHODS:
        base = base.changed(row.set)
        chosen = _baseline(row, base, overrides, len(study_data.trained(part).split("train")))
        assert chosen.lr is not None
        # The learning rates of the phases too, for baselines that train them.
        config = scaled_config(base, LearningRate(lr.factor(chosen.lr)))
        usual = baseline_settings(row.method)
        own = row.baseline.get("epochs", usual.epochs)
        usual = usual.changed({"epochs": own * row.epochs})
        standard = baseline_stages(row.method, usual)
        return make(line, config, scaled_baseline(chosen, lr), None, standard)
    config = scaled_config(_own_config(row, base, overrides, study_data), lr)
    own_epochs = {f"{p}.epochs": getattr(recipe, p).epochs for p in ("phase1", "phase2")}
    standard = _stages(row, _own_config(row, base.changed(own_epochs), Overrides(), study_data))
    start = None
    if row.method in ("lpt", "plain-query") and config.phase2.epochs and config.phase1.epochs:
        first = replace(line, row=row.model_copy(update={"method": "lpt"}))
        alone = config.changed({"phase2.epochs": 0, "data.unlabelled": None})
        start = make(first, alone, None, None, (0,))
    return make(line, config, None, start, standard)


@dataclass(frozen=True)
class _Maker:
    """Makes runs of one part of the data."""

    overrides: Overrides
    study_data: StudyData
    part: Part

    def __call__(
        self,
        line: Line,
        config: RunConfig,
        baseline: BaselineSettings | None,
        start: StudyRun | None,
        standard: tuple[int, ...],
    ) -> StudyRun:
        final = self.part == "final"
        tta = self.overrides.tta and final
        read = settings_read(line.row.method, config)
        config = visible_config(config, read)
        data = self.study_data
        facts: dict[str, Any] = {
            "method": line.row.method,
            "part": self.part,
            "seed": config.seed,
            "data": data.identity(self.part),
            "backbone": data.backbone_facts(config).sha256,
            "precision": data.precision(config),
            "settings": config_facts(config, read),
        }
        if baseline is not None:
            facts["baseline"] = baseline_facts(baseline, data.other_identity)
        if tta:
            facts["test-time augmentation"] = True
        if final and data.shifted_identity:
            facts["shifted sets"] = data.shifted_identity
        return StudyRun(line, config, baseline, self.part, tta, facts, start, standard)


def _own_config(
    row: Row, base: RunConfig, overrides: Overrides, study_data: StudyData
) -> RunConfig:
    changes: dict[str, Any] = {}
    if overrides.epochs is not None:
        changes |= {"phase1.epochs": overrides.epochs, "phase2.epochs": overrides.epochs}
    if overrides.init is not None:
        changes["classifier.init"] = overrides.init
    if row.shared_blocks is not None:
        depth = study_data.backbone_facts(base).depth
        changes["prompts.shared_blocks"] = min(
            depth - 1, max(1, round(row.shared_blocks * depth / 12))
        )
    config = base.changed({**changes, **row.set})
    return _joint(config, row.epochs) if row.method == "joint" else config


def _joint(config: RunConfig, multiple: int) -> RunConfig:
    """One stage: phase 2's sampler and loss, phase 1's learning rates (keys have their own)."""
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


def _baseline(row: Row, base: RunConfig, overrides: Overrides, images: int) -> BaselineSettings:
    changes = {**overrides.for_baselines, **row.baseline}
    if row.like_phase1:
        loss = base.phase1.loss
        changes |= {"sampler": base.phase1.sampler, "loss": loss.name, "loss_options": loss.options}
        changes["mean_weight"] = base.classifier.mean_weight
    if overrides.epochs is not None and "epochs" not in row.baseline:
        changes["epochs"] = overrides.epochs
    if overrides.init is not None:
        changes["init"] = overrides.init
    if overrides.tta:
        changes["tta"] = False  # scored in addition to the single view, as every method is
    if row.method == "multitask":
        if overrides.other is None:
            raise ConfigError("multitask: name the second data set with --other DATA.")
        changes["options"] = {"other": overrides.other}
    if row.method not in baseline_names():
        known = ", ".join((*OWN_METHODS, *baseline_names()))
        raise ConfigError(f"method {row.method}: unknown. Known: {known}.")
    try:
        settings = baseline_settings(row.method, **changes)
    except ConfigError as error:
        if not overrides.for_baselines:
            raise
        raise ConfigError(f"--set baseline, for {row.label}: {error}") from error
    return settings.changed(
        {
            "epochs": settings.epochs * row.epochs,
            "batch_size": settings.batch_size or automatic_batch(images),
        }
    )


def _stages(row: Row, config: RunConfig) -> tuple[int, ...]:
    if row.method == "plain":
        return ()
    if row.method == "joint":
        return (config.phase2.epochs,)
    both = (config.phase1.epochs, config.phase2.epochs)
    return both if config.phase2.epochs else both[:1]
