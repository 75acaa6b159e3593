"""Files of hub repositories, from the cache of this machine or from the hub."""

from pathlib import Path

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from lpt.backbones.catalog import EMBEDDED
from lpt.backbones.weight_file import RESAVE
from lpt.errors import BackboneError

__all__ = ["from_hub"]


def from_hub(name: str, repository: str, file: str) -> Path:
    """Return a file of a hub repository, from the cache if it is there already.

    Args:
        name: of the backbone, for messages.
        repository: ORG/REPO, or ORG/REPO@REVISION.
        file: path inside the repository.
    Raises: BackboneError if it is on neither, or may not be read.
    """
    repository, _, revision = repository.partition("@")
    try:
        cached = try_to_load_from_cache(repository, file, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
        return Path(hf_hub_download(repository, file, revision=revision or None))
    except LocalEntryNotFoundError as error:
        raise _unreachable(name, file, error) from error
    except EntryNotFoundError as error:
        raise BackboneError(
            f"{name}: {repository} on the hub has no {file}; pickled weights are never read. "
            "Download them;",
            f"{RESAVE}; then give the file: TIMM_NAME@FILE.safetensors.",
        ) from error
    except (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    ) as error:
        raise BackboneError(
            f"{name}: the hub has no repository {repository} that you may read.",
            "Check the name, or log in with the hub's own client.",
        ) from error
    except Exception as error:  # the hub's client does not wrap the errors of its transports
        raise _unreachable(name, file, error) from error


def _unreachable(name: str, file: str, error: Exception) -> BackboneError:
    cause = type(error.__cause__ or error).__name__
    return BackboneError(
        f"{name}: {file} is not on this machine and the hub cannot be reached ({cause}).",
        f"Connect once, or obtain the file elsewhere and name it: TIMM_NAME@FILE.safetensors; "
        f"{EMBEDDED.name} needs no download.",
    )
