"""The index of a tar file, kept in the cache folder: made once, by one pass over its headers."""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lpt.data.shards.shard_samples import Samples, read_samples
from lpt.errors import LptError
from lpt.files.atomic_files import cache_folder, write_bytes
from lpt.files.file_watch import FileState, check_unchanged, file_state
from lpt.files.json_files import Record, read_json
from lpt.files.regular_files import open_regular

__all__ = ["shard_samples"]

_MOST_BYTES = 2**31
_VERSION = 2
"""Of the index; an index of another version is made again. Since 2, keys are compared."""


class _Index(Record):
    """An index as stored.

    Attributes:
        version: of the index.
        state: size and version of the tar file.
        group_by: name of the groups that are in it.
        samples: fields of `Samples`.
    """

    version: int
    state: tuple[int, int]
    group_by: str | None
    samples: Samples


_SCHEMA = TypeAdapter(_Index)


def shard_samples(
    path: Path, group_by: str | None = None, state: FileState | None = None
) -> Samples:
    """Return the images of a tar file, from the cache if the file is still the one indexed there.

    Args:
        path: the tar file.
        group_by: a name in `KEY.json` whose values are needed, too.
        state: of the file when it was opened; None for as it is now.
    Raises: DataError as `read_samples`, and if the file was changed meanwhile.
    """
    now = file_state(path) if state is None else state
    kept = _place(path)
    known = _known(kept, now)
    if known is not None and (group_by is None or known.group_by == group_by):
        return known.samples
    with open_regular(path) as stream:
        samples = read_samples(stream, path, group_by)
    check_unchanged(path, now)
    value: dict[str, Any] = {
        "version": _VERSION,
        "state": now,
        "group_by": group_by,
        "samples": asdict(samples),
    }
    with suppress(LptError):  # a cache that cannot be written must not stop anyone
        write_bytes(kept, json.dumps(value, separators=(",", ":")).encode("ascii"))
    return samples


def _known(kept: Path, state: FileState) -> _Index | None:
    """The index in the cache, unless it is damaged, or it or the file has another version."""
    with suppress(LptError):
        found = read_json(kept, _SCHEMA, remedy="", max_bytes=_MOST_BYTES)
        sizes = {len(found.samples.offsets), len(found.samples.sizes), len(found.samples.names)}
        sizes.update(map(len, found.samples.columns.values()))
        if found.version == _VERSION and found.state == state and len(sizes) == 1:
            return found
    return None


def _place(path: Path) -> Path:
    name = str(path.absolute()).encode("utf-8", "surrogateescape")
    return cache_folder() / "shards" / f"{hashlib.sha256(name).hexdigest()[:40]}.json"
