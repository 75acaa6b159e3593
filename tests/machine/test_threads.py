"""How many CPU threads there are, and how they wait for each other."""

import pytest
import torch

from lpt.errors import ParameterError
from lpt.machine.threads import MAX_THREADS, use_threads, wait_passively


def test_threads_sleep_while_they_wait():
    environment: dict[str, str] = {}
    wait_passively(environment)
    assert environment == {"GOMP_SPINCOUNT": "10000"}


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_what_the_user_has_set_about_waiting_is_kept(name):
    environment = {name: "7"}
    wait_passively(environment)
    assert environment == {name: "7"}


def test_a_number_of_threads_counts_for_torch_and_for_libraries_not_yet_loaded():
    before = torch.get_num_threads()
    environment: dict[str, str] = {}
    try:
        use_threads(before + 1, environment)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert environment == dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(before + 1))


def test_without_a_number_nothing_changes():
    before, environment = torch.get_num_threads(), {"OMP_NUM_THREADS": "3"}
    use_threads(None, environment)
    assert (torch.get_num_threads(), environment) == (before, {"OMP_NUM_THREADS": "3"})


@pytest.mark.parametrize("number", [0, -1, MAX_THREADS + 1, 10**30, 1.5, True, "2"])
def test_other_numbers_are_refused(number):
    with pytest.raises(ParameterError, match=r"threads .*from 1 to 1024"):
        use_threads(number, {})
