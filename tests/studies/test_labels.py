"""A row is meant by its whole name, or by how its name alone begins."""

import pytest

from lpt.errors import ConfigError
from lpt.studies.run_study import label_of

LABELS = ("LPT (default)", "LPT (paper)", "phase 1 alone", "LIFT")


@pytest.mark.parametrize("asked", ["phase 1 alone", "phase", "PHASE 1"])
def test_a_row_is_known_by_how_its_name_begins(asked):
    assert label_of(asked, LABELS, "--only") == "phase 1 alone"


def test_a_whole_name_is_meant_where_others_begin_with_it():
    assert label_of("LPT", ("LPT", "LPT + adapters"), "--only") == "LPT"


@pytest.mark.parametrize(
    ("asked", "told"),
    [("lpt", r"could be LPT \(default\); LPT \(paper\)\. Write more"), ("probe", "no row of this")],
)
def test_a_name_that_means_no_row_or_several_is_refused(asked, told):
    with pytest.raises(ConfigError, match=f'^--only "{asked}": {told}'):
        label_of(asked, LABELS, "--only")
