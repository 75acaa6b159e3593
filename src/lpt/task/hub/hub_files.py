"""Fetch the task file of a hub repository: hf:USER/NAME[@REVISION].

Only `task.safetensors` is fetched, and it is a file from outside like any other. Its size is
compared before it is fetched, and its content with the hash that the hub states.
"""

import hashlib
import re
from pathlib import Path

from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from lpt.errors import TaskFileError
from lpt.files.regular_files import open_regular, size_text
from lpt.task_file import LIMITS

__all__ = ["TASK_FILE", "fetch_task", "parse_repository"]

TASK_FILE = "task.safetensors"
_NAME = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_repository(name: str) -> tuple[str, str | None]:
    """Return repository and revision. Raises: TaskFileError if the name has another form.

    >>> parse_repository("hf:ada/birds@v1")
    ('ada/birds', 'v1')
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise TaskFileError(f"{name}: not a repository of the hub. Write hf:USER/NAME[@REVISION].")
    return match[1], match[2]


def fetch_task(
    name: str,
    *,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Path:
    """Fetch the task file of a repository into the cache of huggingface_hub, and return its path.

    Without a connection, or with HF_HUB_OFFLINE, the file in the cache is used.

    Args:
        name: hf:USER/NAME, the latest version, or hf:USER/NAME@REVISION.
        token, cache_dir, force_download, local_files_only: as in `hf_hub_download`.
    Raises: TaskFileError if there is no such repository, revision or file, if it may not be read,
        if it is too large, or if the download is damaged.
    """
    repository, revision = parse_repository(name)
    try:
        if not (local_files_only or constants.HF_HUB_OFFLINE):
            _check_size(name, repository, revision, token, cache_dir)
        file = Path(
            hf_hub_download(
                repository,
                TASK_FILE,
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
            )
        )
    except LocalEntryNotFoundError as error:
        raise _unreachable(name, error) from error
    except RevisionNotFoundError as error:
        raise TaskFileError(f"{name}: the repository has no revision {revision}.") from error
    except (GatedRepoError, RepositoryNotFoundError, HFValidationError) as error:
        raise TaskFileError(
            f"{name}: the hub has no repository {repository} that you may read. "
            "Check the name, or log in: hf auth login"
        ) from error
    except EntryNotFoundError as error:
        raise TaskFileError(f"{name}: has no {TASK_FILE}, so it is not a task of lpt.") from error
    except TaskFileError:
        raise
    except Exception as error:  # the hub's client does not wrap the errors of its transports
        raise _unreachable(name, error) from error
    return _verified(name, file)


def _check_size(
    name: str,
    repository: str,
    revision: str | None,
    token: str | bool | None,
    cache_dir: str | Path | None,
) -> None:
    cached = try_to_load_from_cache(repository, TASK_FILE, cache_dir=cache_dir, revision=revision)
    url = hf_hub_url(repository, TASK_FILE, revision=revision)
    try:
        facts = get_hf_file_metadata(url, token=token)
    except (EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:
        if isinstance(cached, str):
            return  # the client uses the cache as well
        raise
    if facts.size is not None and facts.size > LIMITS.file_bytes:
        raise TaskFileError(
            f"{name}: {TASK_FILE} has {size_text(facts.size)}, more than the "
            f"{size_text(LIMITS.file_bytes)} that a task may have."
        )


def _verified(name: str, file: Path) -> Path:
    """Compare the content with the SHA-256 that the cache names it by, and return the real file.

    The real file lies among hashes. So no other file of the repository lies beside it, and none can
    pass for the record of a run.
    """
    real = file.resolve()
    if not _SHA256.fullmatch(real.name):
        return real
    digest = hashlib.sha256()
    with open_regular(real, max_bytes=LIMITS.file_bytes, error=TaskFileError) as stream:
        while piece := stream.read(2**20):
            digest.update(piece)
    if digest.hexdigest() != real.name:
        raise TaskFileError(f"{name}: the download is damaged. Remove {real} and load it again.")
    return real


def _unreachable(name: str, error: Exception) -> TaskFileError:
    cause = type(error.__cause__ or error).__name__
    return TaskFileError(
        f"{name}: {TASK_FILE} is not on this machine and could not be fetched ({cause}). "
        "Check the connection, or give a task file."
    )
