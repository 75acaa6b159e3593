"""What a run was trained on, in a few characters, so that it never goes on with something else."""

import hashlib
from typing import Any

from lpt.data.manifest import Manifest

__all__ = ["data_identity"]


def data_identity(data: Manifest) -> dict[str, Any]:
    """Names of the classes, and a hash of the training images: folder, file, row and label of each.

    Where the data lies does not matter, nor does what its images show: neither is read.
    """
    split = data.split("train")
    digest = hashlib.sha256()
    for index, label in enumerate(split.labels.tolist()):
        ref = split.ref(index)
        line = f"{ref.path.parent.name}/{ref.path.name}\n{ref.row} {label}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return {"classes": list(data.class_names), "training images": digest.hexdigest()}
