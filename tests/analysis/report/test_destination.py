"""A report replaces its own earlier version, and nothing else."""

from pathlib import Path

import pytest

from lpt.analysis.report.destination import check_destination, destination, generator
from lpt.errors import RunError


def test_one_run_has_its_report_inside_and_several_beside_the_first() -> None:
    assert destination([Path("runs/a")], None) == Path("runs/a/report.html")
    runs = [Path("runs/a b"), Path("other/c")]
    assert destination(runs, None) == Path("runs/a-b_vs_c.html")
    assert destination(runs, "mine.html") == Path("mine.html")
    many = [Path(f"runs/{'x' * 30}{i}") for i in range(9)]
    assert len(destination(many, None).name) < 100


def test_a_report_of_the_same_runs_is_replaced(tmp_path: Path) -> None:
    mark = generator(["a", '<b> & "c"'])
    (tmp_path / "r.html").write_text(f'<meta name="generator" content="{mark}">')
    check_destination(tmp_path / "r.html", mark, overwrite=False)
    check_destination(tmp_path / "new.html", mark, overwrite=False)


@pytest.mark.parametrize(
    "content", ["notes", f'<meta name="generator" content="{generator(["other"])}">', ""]
)
def test_any_other_file_is_kept_unless_asked(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.html"
    path.write_text(content)
    with pytest.raises(RunError, match=r"r\.html: exists already and is (not a|another) report"):
        check_destination(path, generator(["a"]), overwrite=False)
    check_destination(path, generator(["a"]), overwrite=True)


def test_in_its_own_place_any_earlier_report_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text(f'<meta name="generator" content="{generator(["old name"])}">')
    check_destination(path, None, overwrite=False)
    path.write_text("notes")
    with pytest.raises(RunError, match="not a report"):
        check_destination(path, None, overwrite=False)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is a folder"):
        check_destination(tmp_path, generator(["a"]), overwrite=False)
