"""Turns: no task waits for more than one item of each other task."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.serving.flow.fair_queue import FairQueue


@given(st.lists(st.sampled_from("abcd")), st.data())
def test_items_come_once_in_the_order_of_their_task_and_tasks_take_turns(tasks, data):
    queue, items = FairQueue(), list(enumerate(tasks))
    for number, task in items:
        queue.add(task, number)
    removed = data.draw(st.sets(st.sampled_from(items))) if items else set()
    for number, task in removed:
        assert queue.remove(task, number)
        assert not queue.remove(task, number)
    left = [(number, task) for number, task in items if (number, task) not in removed]
    assert len(queue) == len(left)
    came = [queue.pop() for _ in range(len(left))]
    assert sorted(came) == [number for number, _ in left]
    for task in set(tasks):
        own = [number for number in came if tasks[number] == task]
        assert own == sorted(own)
    waiting = {t: sum(task == t for _, task in left) for t in set(tasks)}
    for position, number in enumerate(came):
        since = came[:position]
        task = tasks[number]
        if task in [tasks[n] for n in since]:
            last = max(i for i, n in enumerate(since) if tasks[n] == task)
            others = [tasks[n] for n in since[last + 1 :]]
            assert len(others) == len(set(others))
        waiting[task] -= 1
    with pytest.raises(IndexError):
        queue.pop()
