"""What every group does with its exchanges, in threads instead of processes."""

import pytest
import torch

from lpt.errors import ConfigError, LptError
from lpt.machine.group.process_group import ALONE, PeerError, ProcessGroup, ended_together
from lpt.machine.group.pulse import Lost

from ...thread_group import in_threads


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_shares_are_consecutive_complete_and_nearly_equal(size):
    group = ProcessGroup()
    group.size = size
    for number in range(20):
        shares = [group.share_of(rank, number) for rank in range(size)]
        assert [i for one in shares for i in range(number)[one]] == list(range(number))
        lengths = [one.stop - one.start for one in shares]
        assert max(lengths) == group.largest_share(number)
        assert max(lengths) - min(lengths) <= 1


def test_process_0_decides_for_all():
    calls = []

    def decide():
        calls.append(1)
        return {"epochs": 3}

    assert in_threads(3, lambda group: group.decided(decide)) == [{"epochs": 3}] * 3
    assert len(calls) == 1


def test_an_error_of_process_0_is_raised_in_all():
    def decide():
        raise ConfigError("run: exists.", "Choose another.")

    def errors(group):
        with pytest.raises(LptError) as caught:
            group.decided(decide)
        return str(caught.value)

    assert in_threads(2, errors) == ["run: exists.\nChoose another."] * 2


def test_tensors_of_process_0_arrive_in_all():
    wanted = {"weight": torch.randn(3, 2), "empty": torch.zeros(0, dtype=torch.int64)}
    for found in in_threads(2, lambda group: group.tensors_of_main(lambda: wanted)):
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], value) for name, value in wanted.items())


def test_the_first_process_of_a_machine_fetches_and_the_others_find_it():
    order = []
    in_threads(3, lambda group: group.one_after_another(lambda: order.append(group.rank)))
    assert order[0] == 0
    assert sorted(order) == [0, 1, 2]


def test_a_process_with_other_weights_is_named():
    def compare(group):
        with pytest.raises(LptError, match="weights: process 1 has others than process 0"):
            group.check_same("other" if group.rank == 1 else "same", "weights")

    in_threads(3, compare)


def test_the_same_in_all_processes_is_accepted():
    in_threads(3, lambda group: group.check_same("same", "weights"))


class Failing(ProcessGroup):
    def __init__(self, prints: bool) -> None:
        self.prints, self.errors = prints, []

    def fail(self, error: BaseException) -> bool:
        self.errors.append(error)
        return self.prints


def test_an_error_that_another_process_prints_ends_this_one_without_a_word():
    group = Failing(prints=False)
    with pytest.raises(SystemExit) as caught, ended_together(group):
        raise PeerError(Lost(1, True, "photo.jpg: damaged"), 2)
    assert caught.value.code == 2
    assert len(group.errors) == 1


@pytest.mark.parametrize("error", [ConfigError("no"), ZeroDivisionError(), KeyboardInterrupt()])
def test_an_error_of_this_process_is_raised_once_the_others_know(error):
    group = Failing(prints=True)
    with pytest.raises(type(error)), ended_together(group):
        raise error
    assert group.errors == [error]


def test_a_lost_process_is_named_with_a_remedy():
    lines = str(PeerError(Lost(1, False, "was killed or no longer answers"), 2)).splitlines()
    assert lines[0].startswith("process 1 of 0 to 1 was killed or no longer answers")
    assert "--resume" in lines[1]


def test_a_process_on_its_own_exchanges_with_nobody():
    tensor = torch.ones(2)
    ALONE.add_up(tensor)
    assert ALONE.from_main(b"a") == b"a"
    assert ALONE.to_main(b"a") == [b"a"]
    assert ALONE.fail(KeyboardInterrupt())
    assert torch.equal(tensor, torch.ones(2))
