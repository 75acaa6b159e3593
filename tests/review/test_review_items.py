"""The images of a review come from the tables of the analysis, and only if the data has them."""

import pytest

from lpt.data.sources.open_data import open_data
from lpt.errors import RunError
from lpt.review.review_items import CONFUSION, DOUBTFUL, SUSPECT, find_items


@pytest.fixture
def data(finished):
    return open_data(finished.parent / "photos", val_fraction=0, test_fraction=0)


def found(run, data, most=0, confusions=100):
    root = data.split("train").store.root
    items = find_items(run / "analysis", data, root, most, confusions)
    names = data.class_names
    return [(i.name, i.kind, names[i.label], names[i.suggested], i.score) for i in items]


def test_suspects_come_first_and_confusions_follow(run, data):
    assert found(run, data) == [
        ("ant/00.png", SUSPECT, "ant", "bee", 0.99),
        ("bee/01.png", SUSPECT, "bee", "cat", 0.95),
        ("ant/04.png", CONFUSION, "ant", "cat", 0.8),
    ]
    assert len(found(run, data, confusions=0)) == 2


def test_doubtful_labels_fill_up_the_number_that_was_asked_for(run, data):
    shown = found(run, data, most=3)
    assert shown[2] == ("cat/03.png", DOUBTFUL, "cat", "dog", 0.5)
    assert len(shown) == 4
    assert len(found(run, data, most=100)) == 5


def test_frequent_confusions_come_first_and_suspects_are_shown_once(run, data):
    table = run / "analysis" / "predictions.csv"
    photos = data.split("train").store.root
    rows = [("ant/00", "bee", 0.9), ("ant/05", "dog", 0.9), ("ant/06", "cat", 0.5)]
    rows += [("ant/07", "cat", 0.7)]
    lines = [f"{photos}/{name}.png,ant,{other},{p},0.1" for name, other, p in rows]
    table.write_text("image,class,predicted,probability,own\n" + "\n".join(lines) + "\n")
    names = [name for name, kind, *_ in found(run, data) if kind == CONFUSION]
    assert names == ["ant/07.png", "ant/06.png", "ant/05.png"]


def test_a_run_that_was_not_analysed_is_told_what_to_run(finished, data):
    with pytest.raises(RunError, match=r"holds no analysis, .* Run: lpt analyze "):
        found(finished, data)


@pytest.mark.parametrize(
    "text",
    [
        "name\nx\n",
        "name,split,kind,suggested,score\n" + "ant/00.png,train,suspect-label,bee,high\n",
    ],
)
def test_a_damaged_table_is_named(run, data, text):
    (run / "analysis" / "suspects.csv").write_text(text)
    with pytest.raises(RunError, match=r"suspects\.csv: cannot be read .* Run: lpt analyze"):
        found(run, data)
