"""Whether a backbone that a task file names may be used without asking.

A task file may come from anyone. So its backbone is used as it is only if nothing is fetched for
it, and nothing is opened that the user did not choose: the bundled one, one whose weights are on
this machine already, a registered one, or one in the user's folder of backbones. Any other is used
if the task lies in the folder of a run that was made with it on this machine
(`lpt.files.made_here`).
"""

from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from lpt.backbones.catalog import HUB_WEIGHTS
from lpt.backbones.config_json import CONFIG
from lpt.backbones.names import Kind, find_source, kind_of_name
from lpt.errors import BackboneError

__all__ = ["check_named", "reason_to_ask"]


def check_named(name: str, task: Path, *, made_here: bool) -> None:
    """Check that a backbone named by a task file may be used. Nothing is fetched or built.

    Args:
        name: name of the backbone.
        task: the task file, for the message.
        made_here: whether the task lies in the folder of a run that was made with this backbone on
            this machine.
    Raises: BackboneError saying how to ask for it.
    """
    if not made_here and (reason := reason_to_ask(name)):
        raise BackboneError(
            f"{task}: needs the backbone {name}, which {reason}.",
            f"If you trust it: lpt.load(..., backbone={name!r}), or on the command line "
            "--backbone with this name.",
        )


def reason_to_ask(name: str) -> str:
    """Say why the user has to ask for a backbone that a file names; "" if it can be used.

    >>> reason_to_ask("vit_tiny_patch8_64"), reason_to_ask("random:vit_tiny_patch16_224")
    ('', 'has random weights')
    """
    match kind_of_name(name):
        case Kind.BUNDLED | Kind.REGISTERED | Kind.LOCAL | Kind.UNKNOWN:  # the last: no such name
            return ""
        case Kind.HUB:
            repository, _, revision = name.removeprefix("hf-hub:").partition("@")
            both = (_is_cached(repository, f, revision) for f in (CONFIG, HUB_WEIGHTS))
            return "" if all(both) else "would be fetched from the hub"
        case Kind.TIMM:
            from timm.models import get_pretrained_cfg  # imports all of timm's models

            source = find_source(name)
            config = get_pretrained_cfg(source.architecture)
            repository = config.hf_hub_id if config else ""
            cached = not repository or _is_cached(repository, HUB_WEIGHTS)
            return "" if cached else "would be fetched from the hub"
        case Kind.RANDOM:
            return "has random weights"
        case _:
            return "is a path, chosen by the file"


def _is_cached(repository: str, file: str, revision: str = "") -> bool:
    try:
        found = try_to_load_from_cache(repository, file, revision=revision or None)
    except ValueError:  # not a name that a repository may have
        return False
    return isinstance(found, str)
