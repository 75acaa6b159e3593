"""Typed configuration of a run: strict YAML, `a.b=c` settings, named recipes.

Imports nothing of training.
"""

from lpt.config.data_settings import DataConfig
from lpt.config.recipes import load_config, parse_settings, recipe_names
from lpt.config.run_config import RunConfig, automatic_batch
from lpt.config.sections import (
    AdapterConfig,
    AugmentConfig,
    ClassifierConfig,
    LossConfig,
    OptimConfig,
    PhaseConfig,
    PromptConfig,
)

__all__ = [
    "AdapterConfig",
    "AugmentConfig",
    "ClassifierConfig",
    "DataConfig",
    "LossConfig",
    "OptimConfig",
    "PhaseConfig",
    "PromptConfig",
    "RunConfig",
    "automatic_batch",
    "load_config",
    "parse_settings",
    "recipe_names",
]
