"""A budget: its sum is always that of what it holds, and pinned things stay."""

from hypothesis import given
from hypothesis import strategies as st

from lpt.serving.store.byte_budget import ByteBudget

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "first", "touch", "drop"]), st.integers(0, 5), st.integers(1, 9)
    )
)


@given(STEPS, st.sets(st.integers(0, 5)), st.integers(0, 30))
def test_what_is_used_least_goes_first_and_pinned_things_stay(steps, pinned, limit):
    budget, model = ByteBudget(limit), {}  # the model's order is that of use
    for step, thing, size in steps:
        if step in ("add", "first"):
            budget.add(thing, size, last=step == "add")
            model.pop(thing, None)
            model = {**model, thing: size} if step == "add" else {thing: size, **model}
        elif step == "touch":
            budget.touch(thing)
            if thing in model:
                model[thing] = model.pop(thing)
        else:
            budget.drop(thing)
            model.pop(thing, None)
        assert budget.used == sum(model.values())
        assert len(budget) == len(model)
    removed = budget.overdue(lambda thing: thing in pinned)
    free = [thing for thing in model if thing not in pinned]
    assert removed == free[: len(removed)]
    assert not pinned & set(removed)
    assert budget.used <= limit or len(removed) == len(free)
    if removed:
        assert budget.used + model[removed[-1]] > limit
    assert all((thing in budget) == (thing not in removed) for thing in model)
