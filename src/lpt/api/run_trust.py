"""Trust what a run folder from elsewhere names."""

import os
from pathlib import Path

from lpt.arguments import path_text
from lpt.errors import RunError
from lpt.files.made_here import is_marked, key_file, mark
from lpt.task_spec import read_spec
from lpt.training.run.run_files import RunFiles
from lpt.training.run.run_origin import BACKBONE, named_places

__all__ = ["trust_run"]


def trust_run(run: str | os.PathLike[str]) -> dict[str, str]:
    """Trust a run folder from elsewhere: open and fetch what its files name, from now on.

    A run that was made on this machine is trusted already. Of any other, a backbone or data that is
    a path or is fetched is used only after this call, or if you give it: `lpt.load(backbone=...)`,
    `lpt.train(data, resume=True)`. Nothing is opened or fetched by the call.

    Args:
        run: the run folder.
    Returns: what it names, by use: "backbone", "data", "bad images", and "backbone of the task
        file" if that is another one.
    Raises: RunError if there is no run, it is damaged, or the folder cannot be written.

    >>> lpt.trust_run("runs/digits")
    {'backbone': 'vit_tiny_patch8_64', 'data': 'digits'}
    """
    folder = RunFiles(Path(path_text("run", run)))
    if not folder.config_file.is_file():
        raise RunError(f"{folder.path}: holds no run (no config.yaml). Give a run folder.")
    names = named_places(folder.read_config())
    mark(folder.path, names)
    if not all(is_marked(folder.path, use, name) for use, name in names.items()):
        raise RunError(
            f"{key_file()}: the key of trusted runs cannot be read or written. "
            "Name another file in LPT_KEY."
        )
    if folder.task_file.is_file():
        own = read_spec(folder.task_file).backbone.name
        mark(folder.path, {BACKBONE: own})
        if own != names[BACKBONE]:
            return {**names, "backbone of the task file": own}
    return names
