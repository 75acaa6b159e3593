"""What may be said in public about the data of a run."""

from collections.abc import Sequence
from pathlib import Path

from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.paths import local_path
from lpt.errors import LptError
from lpt.task.hub.model_card import DataFacts
from lpt.training.run.run_data import data_of_run
from lpt.training.run.run_folder import RunFolder

__all__ = ["data_facts"]

_HUB = "hf:"


def data_facts(run: Path, class_names: Sequence[str]) -> DataFacts:
    """Return what is known of the data of a run folder or task file, without local folders."""
    folder = RunFolder(run if run.is_dir() else run.parent)
    if not folder.config_file.is_file():
        return DataFacts()
    try:
        source = parse_spec(folder.read_config().data.source).source
    except LptError:
        return DataFacts()
    path = local_path(source)
    images: int | None = None
    try:
        data = data_of_run(run, class_names)
        images = None if data is None or "test" not in data.splits else len(data.split("test"))
    except LptError:
        pass  # moved, or not on this machine: the scores are known all the same
    if source.startswith(_HUB):
        name = source.removeprefix(_HUB)
        return DataFacts(name, name.partition("@")[0], images)
    return DataFacts(source if path is None else path.name, None, images)
