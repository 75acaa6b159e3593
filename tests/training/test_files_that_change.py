"""Images that another process replaces while a run trains, or before it is resumed, are named."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lpt.errors import LptError
from lpt.progress import SilentReporter
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

from ..tiny import config, opened, write_photos


def _giant(path: Path) -> None:
    path.touch()
    os.truncate(path, 20 * 2**30)


CHANGES: dict[str, Callable[[Path], None]] = {
    "a named pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "more than": _giant,
    "no such file": lambda _: None,
}
FEW = {"ant": 4, "bee": 4, "cat": 4, "dog": 3}


class Swaps(SilentReporter):
    """Lets a child process replace all images of a class at the end of an epoch."""

    def __init__(self, folder: Path, put: Callable[[Path], None], *, then: bool = True) -> None:
        self.folder, self.put, self.then = folder, put, then

    def epoch(self, record) -> None:
        if record["stage"] == "phase1" and record["epoch"] == 0:
            if self.then:
                swap(self.folder, self.put)
            else:
                raise KeyboardInterrupt


def swap(folder: Path, put: Callable[[Path], None]) -> None:
    """Replace the images of the smallest class, each of which a balanced epoch uses."""
    child = os.fork()
    if child == 0:
        try:
            for path in sorted((folder / "dog").iterdir()):
                path.unlink()
                put(path)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def train(photos: Path, run: Path, backbone, reporter: SilentReporter) -> None:
    own = config(photos, data__workers=0, phase1__sampler="balanced", phase1__batch_size=4)
    context = TrainingContext(own, reporter, device="cpu", backbone=backbone)
    folder = RunFolder(run)
    try:
        trainer = Trainer(context, folder)
        folder.create(trainer.config, trainer.identity())
        trainer.run()
    finally:
        folder.release()


@pytest.mark.parametrize("kind", CHANGES)
def test_an_image_that_becomes_something_else_is_named_at_once(
    kind: str, backbone, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", FEW)
    began = time.process_time()
    with pytest.raises(LptError, match=rf"dog/0\d\.png.*{kind}"):
        train(photos, tmp_path / "run", backbone, Swaps(photos, CHANGES[kind]))
    assert time.process_time() - began < 10


@pytest.mark.parametrize("kind", ["a named pipe", "more than"])
def test_a_run_is_not_resumed_with_an_image_that_became_something_else(
    kind: str, backbone, tmp_path: Path
) -> None:
    photos, run = write_photos(tmp_path / "photos", FEW), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(photos, run, backbone, Swaps(photos, CHANGES[kind], then=False))
    swap(photos, CHANGES[kind])
    with pytest.raises(LptError) as found, opened(config(photos), run, backbone) as trainer:
        trainer.run()
    assert len(str(found.value).splitlines()) <= 2
