"""Rows are named by their labels or by a unique beginning."""

import pytest

from lpt.errors import ConfigError
from lpt.studies.define.row_labels import label_of

LABELS = ("LPT (default)", "LPT (paper)", "phase 1 only", "LIFT")


@pytest.mark.parametrize("asked", ["phase 1 only", "phase", "PHASE 1"])
def test_a_unique_beginning_is_enough(asked):
    assert label_of(asked, LABELS, "--only") == "phase 1 only"


def test_a_whole_label_wins_over_longer_ones():
    assert label_of("LPT", ("LPT", "LPT + adapters"), "--only") == "LPT"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("lpt", r"ambiguous: LPT \(default\); LPT \(paper\)\. Write more"),
        ("probe", "not a row of this study"),
    ],
)
def test_unknown_and_ambiguous_labels_are_refused(asked, message):
    with pytest.raises(ConfigError, match=f'^--only "{asked}": {message}'):
        label_of(asked, LABELS, "--only")
