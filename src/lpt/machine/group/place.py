"""The place of this process among those that train together, as launchers state it.

Importing this module does not import torch.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lpt.errors import ParameterError

__all__ = ["LAUNCHER", "LISTENER", "MOST_PROCESSES", "Place"]

MOST_PROCESSES = 4096

LAUNCHER = "LPT_LAUNCHER"
"""Variable that `lpt train --processes` gives its processes: its own process id."""
LISTENER = "LPT_LISTENER"
"""Likewise, for process 0: the handle of the socket at which the processes meet."""

_FIRST_PORT, _PORTS = 20000, 20000
"""Ports for jobs of Slurm, which does not choose one."""


@dataclass(frozen=True)
class Place:
    """The place of a process, and where all of them meet.

    Attributes:
        rank: number of the process, from 0.
        size: number of processes.
        local_rank: number of the process on its machine, from 0.
        local_size: number of processes on this machine.
        address, port: where process 0 listens.
        listener: handle of a socket that listens there already; None without one.
        launcher: id of the `lpt` process that started this one; None for other launchers.
        kept: whether the launcher listens there for process 0, as torchrun does.
        attempt: how often the launcher has started the processes again.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str
    port: int
    listener: int | None = None
    launcher: int | None = None
    kept: bool = False
    attempt: int = 0

    @property
    def threads(self) -> int:
        """Threads for each process of a machine, if they share its cores evenly."""
        return max(1, (os.cpu_count() or 1) // self.local_size)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "Place | None":
        """Read the place from the variables of torchrun, Accelerate, srun or `lpt --processes`.

        Returns: None for a process on its own.
        Raises: ParameterError naming a variable that is missing or wrong.

        >>> Place.of_environment({"RANK": "1", "WORLD_SIZE": "1"}) is None
        True
        >>> found = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
        >>> Place.of_environment(found).rank
        1
        """
        if _number(environment, "WORLD_SIZE", 1) > 1 and "RANK" in environment:
            names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
            port = _number(environment, "MASTER_PORT")
            address = environment.get("MASTER_ADDR", "")
        elif _number(environment, "SLURM_STEP_NUM_TASKS", 1) > 1:
            names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "")
            job = _number(environment, "SLURM_JOB_ID", 0)
            port = _number(environment, "MASTER_PORT", _FIRST_PORT + job % _PORTS)
            nodes = environment.get("SLURM_STEP_NODELIST", "")
            address = environment.get("MASTER_ADDR") or first_node(nodes)
        else:
            return None
        if not address:
            raise ParameterError(
                "MASTER_ADDR: is not set. Set it to the name of the first machine."
            )
        size = _number(environment, names[1])
        rank = _number(environment, names[0])
        if not rank < size <= MOST_PROCESSES:
            raise ParameterError(
                f"{names[0]}={rank}, {names[1]}={size}: not a process of at most {MOST_PROCESSES}."
            )
        return cls(
            rank,
            size,
            _number(environment, names[2], rank),
            max(1, _number(environment, names[3], size)),
            address,
            port,
            _number(environment, LISTENER) if LISTENER in environment else None,
            _number(environment, LAUNCHER) if LAUNCHER in environment else None,
            environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
            _number(environment, "TORCHELASTIC_RESTART_COUNT", 0),
        )


def first_node(nodes: str) -> str:
    """Return the first machine of a list in the notation of Slurm.

    >>> first_node("gpu[03-05,9],cpu1"), first_node("login"), first_node("")
    ('gpu03', 'login', '')
    """
    match = re.match(r"([^\[,]*)(?:\[(\d+)[^\]]*\])?", nodes)
    return "" if match is None else match[1] + (match[2] or "")


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name)
    if text is None and default is not None:
        return default
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ParameterError(f"{name}={'' if text is None else text}: give a whole number.")
    return int(text)
