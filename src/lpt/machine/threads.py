"""Threads on the CPU: how many there are, and whether waiting ones sleep.

Importing this module does not import torch: the OpenMP library reads the environment when torch
loads it, so a program must decide before that.
"""

import os
import sys
from collections.abc import MutableMapping

from lpt.errors import ParameterError

__all__ = ["MAX_THREADS", "use_threads", "wait_passively"]

MAX_THREADS = 1024

_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables by which a user says how threads wait."""

_SPINS = "10000"
"""Measured with `python -m tools.threads` on two idle cores: no spinning costs 19 %, 2,000 rounds
7 %, 10,000 rounds 1 %. The library's default is 300,000."""
_NUMBERS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def wait_passively(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads that wait spin only briefly, then sleep, unless the user has set how they wait.

    Threads meet after every matrix product. By default those that arrive first spin for
    milliseconds. Beside any other busy process, they take the core from the thread that they wait
    for, and two threads become several times slower than one (`python -m tools.threads` measures
    it). The setting applies to the whole process, and only if torch is not imported yet. Only
    programs should call this, not libraries.

    >>> user: dict[str, str] = {"KMP_BLOCKTIME": "200"}
    >>> wait_passively(user)
    >>> user
    {'KMP_BLOCKTIME': '200'}
    """
    if not any(name in environment for name in _WAITING):
        environment["GOMP_SPINCOUNT"] = _SPINS


def use_threads(number: int | None, environment: MutableMapping[str, str] = os.environ) -> None:
    """Use a number of CPU threads in this process and in those that it starts.

    Args:
        number: from 1 to 1024; None keeps torch's choice, which is one per core.
        environment: receives the number for libraries that are not loaded yet.
    Raises: ParameterError for any other number.
    """
    if number is None:
        return
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_THREADS:
        raise ParameterError(f"`threads` {number}: give a whole number from 1 to {MAX_THREADS}.")
    for name in _NUMBERS:
        environment[name] = str(number)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(number)
