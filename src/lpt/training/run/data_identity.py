"""A fingerprint of the training data, which keeps a run from resuming on other data."""

import hashlib
from typing import Any

from lpt.data.manifest import Manifest

__all__ = ["data_identity"]


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
