"""Worker processes and forks that end instead of hanging.

A process that is started by spawn or forkserver imports the main module again. A script without
`if __name__ == "__main__":` would then run a second time, and the worker would never come up.
"""

import ast
import multiprocessing
import os
import sys
import threading
import warnings
from multiprocessing.process import current_process
from pathlib import Path
from types import FrameType, ModuleType

from lpt.errors import ConfigError
from lpt.escape import printable

__all__ = ["UnguardedScriptWarning", "one_thread_in_forks", "usable_workers"]

_GUARD = 'if __name__ == "__main__":'


class UnguardedScriptWarning(UserWarning):
    """Images are read in this process, since the script could not be imported by workers."""


def usable_workers(workers: int, start_method: str | None = None) -> int:
    """Return the number of worker processes that can be started.

    Args:
        workers: wanted number.
        start_method: fork, spawn or forkserver; None is the default of this process.
    Returns: `workers`, or 0 with an `UnguardedScriptWarning` if workers would run a script again
        that has no main guard.
    Raises: ConfigError in a process that is such a worker itself.
    """
    if not workers:
        return 0
    if getattr(current_process(), "_inheriting", False):
        raise ConfigError(
            "a worker process runs the script again, and would start workers of its own.",
            f"Put the script's calls below a line `{_GUARD}`.",
        )
    if _start_method(start_method) == "fork":
        return workers
    script = _unguarded_script()
    if script is None:
        return workers
    warnings.warn(
        printable(
            f"{script} has no line `{_GUARD}` above its calls, so worker processes would run it "
            "again. Images are read in this process, which is slower. Add the line."
        ),
        UnguardedScriptWarning,
        stacklevel=2,
    )
    return 0


def one_thread_in_forks() -> None:
    """Let processes that are forked from now on compute with torch on one thread.

    The pool of threads that torch has used in a process does not exist in its forks; the first
    computation on several threads would wait for them for ever.
    """
    global _registered
    if not _registered and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one_thread)
    _registered = True


_registered = False


def _use_one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _start_method(wanted: str | None) -> str:
    # Asking for the default with allow_none=False would fix it for the whole process.
    chosen: str | None = wanted or multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]


def _unguarded_script() -> str | None:
    """Return the path of the main script if it is running now, outside a main guard."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    name = getattr(getattr(main, "__spec__", None), "name", "")
    if main is None or file is None or name.rpartition(".")[2] == "__main__":
        return None  # interactive, or `python -m PACKAGE`: not imported by workers
    line = _running_line(main)
    if line is None:
        return None
    try:
        statements = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return None
    for statement in statements:
        if isinstance(statement, ast.If) and _names(statement.test, "__name__"):
            return None  # guarded here, or left above
        if statement.lineno <= line <= (statement.end_lineno or line):
            return str(file)
    return None


def _running_line(main: ModuleType) -> int | None:
    """Return the line at which the main thread is in the top level of the main module."""
    frame: FrameType | None = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals is vars(main):
            return frame.f_lineno
        frame = frame.f_back
    return None


def _names(test: ast.expr, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(test))
