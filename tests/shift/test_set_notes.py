"""Notes name the set that they are about."""

from types import SimpleNamespace

from lpt.shift.set_notes import kept_note, named_notes


def test_sets_that_were_predicted_before_are_named_and_the_others_counted():
    assert "before: test (--again" in kept_note(["test"], 1)
    assert "before: test; the other 2 sets predicted now (" in kept_note(["test"], 3)
    assert "before: a, b, c and 17 more (" in kept_note([*"abcdefghijklmnopqrst"], 20)


def test_a_note_is_given_once_with_the_name_of_its_set():
    one, two = (SimpleNamespace(notes=("left out  3 hidden files (.a)",)) for _ in range(2))
    assert named_notes("new", [one, two]) == ["left out  new: 3 hidden files (.a)"]
