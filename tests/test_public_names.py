"""The public names of the package."""

from importlib.metadata import version

import lpt


def test_these_are_the_public_names():
    assert lpt.__all__ == [
        "LptError",
        "Prediction",
        "Task",
        "add_class",
        "evaluate",
        "load",
        "merge_classes",
        "open_data",
        "register_backbone",
        "register_baseline",
        "register_dataset",
        "register_loss",
        "register_sampler",
        "remove_classes",
        "rename_class",
        "train",
        "train_baseline",
        "trust_run",
    ]
    assert dir(lpt) == sorted([*lpt.__all__, "__version__"])


def test_the_version_is_that_of_the_package():
    assert lpt.__version__ == version("lpt")


def test_every_public_name_can_be_had_and_is_documented():
    for name in lpt.__all__:
        assert getattr(lpt, name).__doc__


def test_other_names_are_no_attributes():
    assert not hasattr(lpt, "no_such_name")
