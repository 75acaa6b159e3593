"""Requests to object storage, through fsspec, with errors that name the address.

Credentials are those that the library of the storage finds. Its messages are not repeated, since
they may hold addresses that are signed.
"""

import hashlib
import posixpath
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lpt.errors import DataError
from lpt.files.remote.schemes import CREDENTIALS, PACKAGES

__all__ = ["Range", "State", "fetch", "fetch_ranges", "kind_of", "names_in", "state_of"]

State = tuple[int, int]
"""Size and version of an object; another version has another number."""

Range = tuple[int, int]
"""The first byte of a part of an object, and the one after its last."""

_PAUSES = (0.5, 2.0)  # seconds before another try, after those of the library itself
_VERSIONS = ("ETag", "etag", "generation", "blob_id", "md5Hash", "LastModified", "created", "mtime")
_LOST = (FileNotFoundError, NotADirectoryError, IsADirectoryError)

_T = TypeVar("_T")


def state_of(url: str) -> State:
    """Return size and version of an object.

    Raises: DataError if it does not exist or the storage cannot be reached.
    """
    facts = _info(url)
    if facts is None or facts.get("type") != "file" or facts.get("size") is None:
        raise DataError(f"{url}: no such object. Check the name, and that you may read it.")
    version = next((facts[name] for name in _VERSIONS if facts.get(name)), "")
    digest = hashlib.sha256(str(version).encode("utf-8", "replace")).digest()
    return int(facts["size"]), int.from_bytes(digest[:7])


def kind_of(url: str) -> str | None:
    """Return "file", "directory" for the start of other names, or None. Raises: as `state_of`."""
    facts = _info(url)
    return None if facts is None else str(facts.get("type"))


def names_in(url: str) -> list[str]:
    """Return the names directly below an address, sorted. Raises: as `state_of`."""
    entries = _tried(url, lambda storage: storage.ls(url, detail=False))
    base = url.partition("://")[2].strip("/")
    paths = (str(entry).strip("/") for entry in entries or ())
    return sorted({posixpath.basename(path) for path in paths if path != base})


def fetch(url: str, start: int, end: int, state: State) -> bytes:
    """Return the bytes from `start` to `end` of an object that had `state`.

    Raises: DataError if it was changed since, removed, or cannot be reached.
    """
    data = _tried(url, lambda storage: storage.cat_file(url, start=start, end=end))
    # After the bytes: what was fetched is of this version, however long ago it was opened.
    if data is None or state_of(url) != state or len(data) != end - start:
        raise _changed(url)
    return bytes(data)


def fetch_ranges(url: str, ranges: Sequence[Range], state: State) -> list[bytes]:
    """Return the bytes of several ranges, fetched at the same time. Raises: as `fetch`."""
    starts, ends = [start for start, _ in ranges], [end for _, end in ranges]
    found = _tried(
        url,
        lambda storage: storage.cat_ranges([url] * len(ranges), starts, ends, on_error="raise"),
    )
    sizes = [end - start for start, end in ranges]
    if found is None or state_of(url) != state or list(map(len, found)) != sizes:
        raise _changed(url)
    return list(map(bytes, found))


def _changed(url: str) -> DataError:
    return DataError(f"{url}: damaged: it was changed while it was in use. Start again.")


def _info(url: str) -> Any:
    return _tried(url, lambda storage: storage.info(url))


def _tried(url: str, ask: Callable[[Any], _T]) -> _T | None:
    """Ask a storage, again after short pauses if it is not reached; None if nothing is there."""
    storage = _storage(url)
    for pause in (*_PAUSES, None):
        try:
            storage.invalidate_cache()  # answers must be those of now
            return ask(storage)
        except _LOST:
            return None
        except PermissionError as error:
            raise DataError(
                f"{url}: access is refused. Check the name and your credentials."
            ) from error
        except Exception as error:  # the library passes on the errors of many others
            reason = type(error).__name__
            if reason in ("NoCredentialsError", "PartialCredentialsError"):
                remedy = CREDENTIALS.get(url.partition(":")[0], "Set those of the storage.")
                raise DataError(f"{url}: no credentials were found. {remedy}") from error
            if pause is None:
                raise DataError(
                    f"{url}: the storage cannot be reached or read ({reason}). "
                    "Check the address and the network."
                ) from error
            time.sleep(pause)
    raise AssertionError("a try either returns or raises")


def _storage(url: str) -> Any:
    """The storage of an address; fsspec keeps it for the process."""
    scheme = url.partition(":")[0]
    try:
        import fsspec

        return fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError as error:
        raise DataError(
            f"{url}: needs another package: pip install '{PACKAGES[scheme]}'"
        ) from error
    except Exception as error:
        raise DataError(
            f"{url}: the storage cannot be used ({type(error).__name__}). Check its settings."
        ) from error
