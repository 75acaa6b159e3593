"""Where tensors live: a GPU if there is one, unless something else is asked for."""

import torch

from lpt.errors import ConfigError

__all__ = ["choose_device"]


def choose_device(wanted: str | None = None) -> torch.device:
    """The device that was asked for; a GPU if there is one when nothing was.

    Args:
        wanted: "cpu", "cuda", "cuda:1"; None decides by what there is.
    Raises: ConfigError for another word, or for a GPU that is not there.
    """
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name, _, number = wanted.partition(":")
    if name not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ConfigError(f"--device {wanted}: unknown. Choose cpu, cuda or cuda:NUMBER.")
    if name == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"--device {wanted}: not here; torch sees {torch.cuda.device_count()} GPUs. Use cpu."
        )
    return torch.device(wanted)
