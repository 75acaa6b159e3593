"""Fingerprints of the data of a run, which keep it from resuming on other data."""

import hashlib
from pathlib import Path
from typing import Any

from lpt.data.manifest import Manifest

__all__ = ["IMAGE_SIZES", "IMAGE_TIMES", "data_identity", "files_identity"]

IMAGE_SIZES, IMAGE_TIMES = "image sizes", "image times"
"""Fingerprints of image files that tell, without reading them, that some were replaced."""


def data_identity(data: Manifest) -> dict[str, Any]:
    """Return the class names and a hash over folder, file, row and label of all training images.

    The location of the data does not enter, nor does the content of the images, which is not read.
    """
    split = data.split("train")
    digest = hashlib.sha256()
    for index, label in enumerate(split.labels.tolist()):
        ref = split.ref(index)
        line = f"{ref.path.parent.name}/{ref.path.name}\n{ref.row} {label}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return {"classes": list(data.class_names), "training images": digest.hexdigest()}


def files_identity(data: Manifest) -> dict[str, str]:
    """Return a hash over the sizes of all image files, and one over their times of modification.

    Images are not read: a file that is replaced by another of the same size and time is missed.
    A copy of the data has the same sizes, but may have other times.
    """
    paths: dict[Path, None] = {}
    for name in sorted(data.splits):
        split = data.split(name)
        paths.update(dict.fromkeys(split.ref(index).path for index in range(len(split))))
    sizes, times = hashlib.sha256(), hashlib.sha256()
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # in memory, or removed since: -1 is no size
            sizes.update(b"-1\n")
            continue
        sizes.update(b"%d\n" % status.st_size)
        times.update(b"%d\n" % status.st_mtime_ns)
    return {IMAGE_SIZES: sizes.hexdigest(), IMAGE_TIMES: times.hexdigest()}
