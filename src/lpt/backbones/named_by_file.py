"""Whether a backbone that a task file names may be used without asking.

A task file may come from anyone. So its backbone is used as it is only if nothing is fetched for
it, and nothing is opened that the user did not choose: the bundled one, one whose weights are on
this machine already, a registered one, or one in the user's folder of backbones. A path, or an
untrained backbone, is used if the task lies in the folder of a run that was trained on it, since
the hash of the weights is compared.
"""

from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from timm.models import get_pretrained_cfg

from lpt.backbones.catalog import HUB_WEIGHTS
from lpt.backbones.config_json import CONFIG
from lpt.backbones.names import Kind, find_source, kind_of_name
from lpt.backbones.outline import outline
from lpt.errors import BackboneError

__all__ = ["check_named"]

MOST_RANDOM = 64_000_000
"""Parameters of an untrained backbone that is built without asking: a second, 256 MB."""


def check_named(name: str, task: Path, *, recorded: bool) -> None:
    """Check that a backbone named by a task file may be used. Nothing is fetched or built.

    Args:
        name: name of the backbone.
        task: the task file, for the message.
        recorded: whether the task lies in the folder of a run that records this backbone.
    Raises: BackboneError saying how to ask for it.
    """
    reason = _reason(name, recorded=recorded)
    if reason:
        raise BackboneError(
            f"{task}: needs the backbone {name}, which {reason}.",
            f"If you trust it: lpt.load(..., backbone={name!r}), or on the command line "
            "--backbone with this name.",
        )


def _reason(name: str, *, recorded: bool) -> str:
    """Why the user has to ask for this backbone; "" if it can be used."""
    match kind_of_name(name):
        case Kind.BUNDLED | Kind.REGISTERED | Kind.LOCAL | Kind.UNKNOWN:  # the last: no such name
            return ""
        case Kind.HUB:
            repository, _, revision = name.removeprefix("hf-hub:").partition("@")
            both = (_is_cached(repository, f, revision) for f in (CONFIG, HUB_WEIGHTS))
            return "" if all(both) else "would be fetched from the hub"
        case Kind.TIMM:
            source = find_source(name)
            config = get_pretrained_cfg(source.architecture)
            repository = config.hf_hub_id if config else ""
            cached = not repository or _is_cached(repository, HUB_WEIGHTS)
            return "" if cached else "would be fetched from the hub"
        case Kind.RANDOM:
            if not recorded:
                return "has random weights"
            drawn = name.removeprefix("random:")
            if kind_of_name(drawn) is not Kind.TIMM and (reason := _reason(drawn, recorded=True)):
                return reason
            large = outline(find_source(name)).parameters > MOST_RANDOM
            return "is large and has random weights" if large else ""
        case _:
            return "" if recorded else "is a path, chosen by the file"


def _is_cached(repository: str, file: str, revision: str = "") -> bool:
    try:
        found = try_to_load_from_cache(repository, file, revision=revision or None)
    except ValueError:  # not a name that a repository may have
        return False
    return isinstance(found, str)
