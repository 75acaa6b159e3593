"""The examples in the docstrings of metrics print what they claim."""

import doctest
import importlib

import pytest

MODULES = ("calibration", "knn", "metric_tables", "metrics", "tta")


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(f"lpt.evaluation.{name}")
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    for public in module.__all__:  # by name: a shape-checked function hides its module
        for example in finder.find(getattr(module, public), public, module, vars(module)):
            runner.run(example)
    assert runner.tries
    assert not runner.failures
