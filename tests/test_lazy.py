"""Names of a package that are imported on first use."""

from importlib import import_module
from types import ModuleType

import pytest

import lpt
import lpt.api
import lpt.task
from lpt.lazy import find_name


@pytest.mark.parametrize("package", [lpt, lpt.api, lpt.task])
def test_every_public_name_can_be_imported(package):
    for name in package.__all__:
        assert not isinstance(getattr(package, name), ModuleType)


@pytest.mark.parametrize("package", [lpt, lpt.api, lpt.task])
def test_other_names_are_an_attribute_error_that_names_the_package(package):
    with pytest.raises(AttributeError, match=rf"module '{package.__name__}' has no .*'nothing'"):
        _ = package.nothing


def test_a_name_comes_from_the_module_that_defines_it():
    assert find_name("lpt", {"LptError": "lpt.errors"}, "LptError") is lpt.LptError


def test_importing_a_module_hides_no_name_of_its_package():
    assert isinstance(import_module("lpt.task.inference.find_images"), ModuleType)
    assert callable(lpt.task.find_images)
