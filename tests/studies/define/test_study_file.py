"""A study of one's own is a YAML file of rows."""

import pytest

from lpt.errors import ConfigError
from lpt.studies.define.definition import load_study
from lpt.studies.define.study_file import find_study, is_study_file, study_title

ROWS = """
about: do higher rates help?
rows:
  - { label: "{recipe}" }
  - { label: higher, set: { phase1.optim.lr: 0.1 } }
  - { label: LIFT, method: lift, baseline: { lr: 0.003 } }
"""


def test_rows_of_a_file_become_a_study_with_the_files_name(tmp_path):
    path = tmp_path / "rates.yaml"
    path.write_text(ROWS)
    study = find_study(str(path), "paper")
    assert [row.label for row in study.rows] == ["paper", "higher", "LIFT"]
    assert study.rows[1].set == {"phase1.optim.lr": 0.1}
    assert (study.about, study.source) == ("do higher rates help?", "rates.yaml")
    assert study_title(str(path)) == "rates"


def test_a_study_of_the_paper_is_found_by_its_name():
    assert find_study("main") == load_study("main")
    assert study_title("main") == "main"
    assert not is_study_file("main")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rows: [", "line 1: not YAML"),
        ("- label: a", "has no `rows`"),
        ("about: nothing", "has no `rows`"),
        ("rows: []", "rows: "),
        ("rows: [{ method: lpt }]", r"rows\.0\.label: Field required"),
        ("rows: [{ label: a, lr: 1 }]", r"rows\.0\.lr: Extra inputs"),
        ("rows: [{ label: a }, { label: a }]", "two rows are labelled 'a'"),
        ("rows: [{ label: a, set: 5 }]", r"rows\.0\.set: "),
    ],
)
def test_a_file_that_is_no_study_is_refused_in_one_line(tmp_path, text, reason):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason) as error:
        find_study(str(path))
    assert str(error.value).startswith(str(path))
    assert len(str(error.value).splitlines()) == 1


def test_a_file_cannot_take_the_name_of_a_study_of_the_paper(tmp_path):
    """Its tables would replace those of that study."""
    path = tmp_path / "main.yaml"
    path.write_text(ROWS)
    with pytest.raises(ConfigError, match=r"main is a study of the paper. Rename the file\."):
        find_study(str(path))


def test_a_missing_file_and_an_unknown_name_say_so(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        find_study(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match=r"Known: main, .* YAML file"):
        find_study("mian")
