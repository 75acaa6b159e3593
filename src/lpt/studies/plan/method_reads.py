"""The settings of a run's configuration that each method of a study reads.

A method sees only these (`lpt.studies.plan.run_key.visible_config`), and they decide its key.
"""

from lpt.baselines import baseline_reads
from lpt.config import ClassifierConfig, RunConfig
from lpt.studies.define.definition import OWN_METHODS
from lpt.studies.plan.run_key import expand_names

__all__ = ["settings_read"]

_BY_EVERY_METHOD = (
    "image_size",
    "layer_norm_eps",
    "feature",
    "backbone_weights",
    "data.many_above",
    "data.few_below",
    "augment.resize_rule",
    "augment.resize_ratio",
)
"""Backbone, and how every method is scored on whole images."""

_PLAIN = ("classifier.init_images_per_class",)
_UNLABELLED = ("data.unlabelled", "pseudo_labels")
"""Of phase 2, after phase 1 has labelled the photos."""

_CLASSIFIER = tuple(
    f"classifier.{name}" for name in ClassifierConfig.model_fields if name != "passes"
)
_TRAINED = ("adapters", "augment", *_CLASSIFIER, "compile", "text")


def settings_read(method: str, config: RunConfig) -> frozenset[str]:
    """Return the dotted names of the settings that decide a method's result.

    Args:
        method: of `OWN_METHODS`, or a baseline's name.
        config: settings of the run; a phase with 0 epochs is not read any further.
    Raises: ConfigError if a baseline declares an unknown name.
    """
    own = method in OWN_METHODS
    names = _own_reads(method, config) if own else baseline_reads(method)
    return expand_names((*_BY_EVERY_METHOD, *names), f"method {method}")


def _own_reads(method: str, config: RunConfig) -> tuple[str, ...]:
    if method == "plain":
        return _PLAIN
    if not config.phase2.epochs:
        return (*_TRAINED, "phase1", "phase2.epochs", "prompts.length")
    phase1 = "phase1" if config.phase1.epochs else "phase1.epochs"
    photos = () if method == "joint" else _UNLABELLED
    return (*_TRAINED, "classifier.passes", phase1, "phase2", "prompts", *photos)
