"""Names of devices are checked before torch is imported."""

import pytest

from lpt.errors import ParameterError
from lpt.machine.device_name import check_device_name, check_precision_name


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:12", "mps"])
def test_devices_that_may_exist_pass(name):
    check_device_name(name)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:\u0663", "CPU"])
def test_other_names_are_refused_with_the_known_ones(name):
    with pytest.raises(ParameterError, match=r"unknown\. Choose cpu, cuda, cuda:NUMBER or mps"):
        check_device_name(name)


def test_a_precision_is_one_of_three():
    for name in ("auto", "float32", "bf16"):
        check_precision_name(name)
    with pytest.raises(ParameterError, match=r"^precision banana: unknown\. Choose one of: auto"):
        check_precision_name("banana")
