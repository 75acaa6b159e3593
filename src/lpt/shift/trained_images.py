"""Which images of a test set a task was trained on: they are no test of it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.copies import copy_numbers
from lpt.data.image_stores import FileStore, Strings
from lpt.data.manifest import Split
from lpt.errors import LptError
from lpt.training.run.data_identity import data_identity
from lpt.training.run.run_data import open_configured
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.run_origin import check_names

__all__ = ["moved_training_images", "trained_on"]


def trained_on(train: Split, images: Split) -> npt.NDArray[np.bool_]:
    """Find the images that are training images, or copies of them with the same bytes.

    Files are compared by their resolved path and their content; rows of Parquet files by file and
    row; images in memory by their place.

    Args:
        train: the training images.
        images: the images of a test set.
    Returns: (n,) flags of `images`.
    """
    if not (isinstance(train.store, FileStore) and isinstance(images.store, FileStore)):
        known = {train.name_of(index) for index in range(len(train))}
        return np.array([images.name_of(i) in known for i in range(len(images))], dtype=np.bool_)
    numbers = copy_numbers(_together(train.store, train.positions, images.store, images.positions))
    if numbers is None:
        return np.zeros(len(images), dtype=np.bool_)
    return np.isin(numbers[len(train) :], numbers[: len(train)])


def moved_training_images(
    run: Path, data: str | Path, class_names: tuple[str, ...]
) -> Split | None:
    """Open data as a run opened its own, and return the training images if it is the same data.

    Args:
        run: run folder or task file whose own data is no longer where it was.
        data: data in another place.
        class_names: (C,) classes of the task.
    Returns: None if it is other data.
    """
    folder = RunFolder(run if run.is_dir() else run.parent)
    try:
        config = folder.read_config().changed({"data.source": str(data)})
        check_names(folder.path, config, data_given=True)
        opened = open_configured(config, class_names=class_names)
        folder.check_identity(data_identity(opened))
    except (LptError, OSError):
        return None
    return opened.split("train")


def _together(
    one: FileStore,
    of_one: npt.NDArray[np.int64],
    other: FileStore,
    of_other: npt.NDArray[np.int64],
) -> FileStore:
    """A store of some images of one store, then some of another."""
    stores = (one.take(of_one), other.take(of_other))
    paths = Strings(str((s.root / path).absolute()) for s in stores for path in s.paths)
    files = [stores[0].file, stores[1].file + len(stores[0].paths)]
    rows = np.concatenate([s.row for s in stores])
    return FileStore(Path("/"), paths, np.concatenate(files).astype(np.int32), rows)
