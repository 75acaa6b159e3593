"""The file a report is written to; a file of anything else is never replaced."""

import re
from collections.abc import Sequence
from pathlib import Path

from lpt.errors import RunError
from lpt.files.regular_files import open_regular

__all__ = ["check_destination", "destination", "generator"]

_MARK = re.compile(rb'<meta name="generator" content="(lpt report[^"]*)">')
_LONGEST = 80  # characters of a file name


def destination(runs: Sequence[Path], out: str | Path | None) -> Path:
    """Return the file of a report: `out`, report.html in the run folder, or A_vs_B.html beside A.

    >>> str(destination([Path("runs/a"), Path("runs/b")], None))
    'runs/a_vs_b.html'
    """
    if out is not None:
        return Path(out)
    if len(runs) == 1:
        return runs[0] / "report.html"
    names = [re.sub(r"[^\w.-]+", "-", run.resolve().name) for run in runs]
    stem = "_vs_".join(names)
    if len(stem) > _LONGEST:
        stem = f"{names[0][:30]}_vs_{len(names) - 1}_others"
    return runs[0].parent / f"{stem}.html"


def generator(names: Sequence[str]) -> str:
    """Return the mark of a report in its file: the names of its runs."""
    listed = ", ".join(re.sub(r"[^\w. -]", "-", name) for name in names)
    return f"lpt report: {listed}"


def check_destination(path: Path, mark: str | None, *, overwrite: bool) -> None:
    """Refuse to replace a file other than an earlier report of the same runs.

    Args:
        mark: mark of the report; None accepts any report, for the place of its own in a run folder,
            which may have been renamed since.
    Raises: RunError naming the file.
    """
    if overwrite or not path.exists():
        return
    if path.is_dir():
        raise RunError(f"{path}: is a folder. Give a file name, such as {path / 'report.html'}.")
    with open_regular(path, error=RunError) as stream:
        found = _MARK.search(stream.read(4096))
    if found is None or (mark is not None and found[1].decode("utf-8", "replace") != mark):
        what = "another report" if found else "not a report of lpt"
        raise RunError(
            f"{path}: exists already and is {what}. "
            "Choose another file with `out`, or replace it with `overwrite=True`."
        )
