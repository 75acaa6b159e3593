"""The facts of the table are timm's."""

import pytest
import timm

from lpt.backbones.places.known_backbones import CATALOG, JOBS

OF_TIMM = [row for row in CATALOG if row.place == "hub"]


@pytest.mark.parametrize("row", OF_TIMM, ids=lambda row: row.name)
def test_licence_and_input_size_are_those_that_timm_states(row):
    config = timm.models.get_pretrained_cfg(row.name)
    assert row.licence.lower().replace(" ", "-") == config.license.lower()
    assert row.image_size == config.input_size[-1]


def test_advice_names_backbones_of_the_table():
    names = {row.name for row in CATALOG}
    assert {name for advised in JOBS.values() for name in advised} <= names


def test_what_is_advised_without_a_gpu_is_fast():
    rows = {row.name: row for row in CATALOG}
    assert {rows[name].speed for name in JOBS["no GPU"]} == {"fast"}
