"""The software and hardware of a run."""

import os
import platform
import sys
from importlib.metadata import version
from typing import Any

import torch

__all__ = ["environment"]


def environment() -> dict[str, Any]:
    """Describe the software and hardware that measured numbers depend on."""
    return {
        "command": sys.argv,
        "lpt": version("lpt"),
        "torch": torch.__version__,
        "timm": version("timm"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
