"""One small module per kind of input; a new target is added to `TARGETS`."""

from tools.fuzz.engine import Target
from tools.fuzz.targets.graphs import Graphs
from tools.fuzz.targets.images import Images
from tools.fuzz.targets.lists import Lists
from tools.fuzz.targets.recipes import Recipes
from tools.fuzz.targets.requests import Requests
from tools.fuzz.targets.run_files import RunFiles
from tools.fuzz.targets.run_folders import Resumes, RunFolders
from tools.fuzz.targets.settings import Settings
from tools.fuzz.targets.shards import Shards
from tools.fuzz.targets.tables import Parquet
from tools.fuzz.targets.trainings import Trainings
from tools.fuzz.targets.weights import Backbones, Checkpoints, ModelConfigs, TaskFiles

__all__ = ["BY_NAME", "TARGETS"]

_ALL: tuple[Target, ...] = (
    Lists(),
    Parquet(),
    Shards(),
    Recipes(),
    Settings(),
    Images(),
    TaskFiles(),
    Checkpoints(),
    Backbones(),
    ModelConfigs(),
    RunFolders(),
    Resumes(),
    Requests(),
    Graphs(),
    RunFiles(),
)

TARGETS = {target.name: target for target in _ALL}
"""Targets that run by default, by name."""

_BY_NAME: tuple[Target, ...] = (Trainings(),)

BY_NAME = {**TARGETS, **{target.name: target for target in _BY_NAME}}
"""All targets; the others take seconds for a case and run only when they are named."""
