"""A worker of a study: the same command in a process of its own, on any machine.

Workers share the runs of a study by the locks in its folder. Each waits for the runs of the others
before it prints the table, and trains those of a worker that was lost. So a worker that ends has
seen the whole study.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lpt.escape import printable

__all__ = ["WORKER", "StudyOutput", "is_worker", "run_worker"]

WORKER = "LPT_STUDY_WORKER"
"""Variable that is set for workers, which start no others."""

_SEEN_ALL = (0, 1)
"""Exit codes of a study whose runs are all done; 1 if one of them failed."""


class StudyOutput(NamedTuple):
    """How a worker has ended.

    Attributes:
        code: its exit code.
        text: what it has printed: the table.
    """

    code: int
    text: str

    @property
    def is_complete(self) -> bool:
        """Whether all runs of the study are done."""
        return self.code in _SEEN_ALL

    @property
    def reason(self) -> str:
        """Why it is not complete, for messages."""
        lines = self.text.strip().splitlines()
        return printable(lines[-1])[:200] if lines else f"exit code {self.code}"


def is_worker(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process was started as a worker.

    >>> is_worker({WORKER: "1"}), is_worker({})
    (True, False)
    """
    return WORKER in environment


def run_worker(
    arguments: Sequence[str],
    folder: str,
    program: Sequence[str] = (sys.executable, "-m", "lpt"),
) -> StudyOutput:
    """Run a study in a process; its progress goes to standard error.

    Args:
        arguments: of the command line, after `lpt`.
        folder: the working folder of the command that the user has given.
        program: what takes the arguments.
    """
    done = subprocess.run(
        [*program, *arguments],
        cwd=folder,
        env={**os.environ, WORKER: "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return StudyOutput(done.returncode, done.stdout)
