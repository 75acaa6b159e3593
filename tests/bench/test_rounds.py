"""Rounds: every variant once per round, ratios within a round."""

from lpt.bench.rounds import in_turn, machine_facts, median_ratio, spread


def test_variants_take_turns_and_the_first_round_does_not_count():
    calls: list[str] = []
    variants = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = in_turn(variants, 3, "cpu")
    assert calls == ["a", "b"] * 4
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_that_of_the_same_round():
    assert median_ratio([1.0, 100.0, 3.0], [1.0, 50.0, 1.0]) == 2.0


def test_spread_is_relative_to_the_median():
    assert spread([2.0]) == 0.0
    assert spread([1.0, 2.0, 3.0]) == 0.5


def test_the_machine_is_described():
    facts = machine_facts("cpu")
    assert facts["machine"]
    assert facts["threads"] >= 1
