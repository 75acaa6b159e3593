"""Sizes of binary tensors are checked before anything is read by them."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.serving.http.error_answers import Refusal
from lpt.serving.http.protocols.inference_records import OutputTensor
from lpt.serving.http.protocols.tensor_data import (
    parse_infer,
    read_images,
    split_elements,
    to_body,
)


def body_of(shape: list[int], datatype: str, blob: bytes, name: str) -> tuple[bytes, str]:
    parameters = {"binary_data_size": len(blob)}
    tensor = {"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}
    text = json.dumps({"inputs": [tensor]}).encode()
    return text + blob, str(len(text))


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_elements_in_binary_form_come_back(elements):
    blob = b"".join(len(one).to_bytes(4, "little") + one for one in elements)
    assert split_elements(blob) == elements


@given(st.binary(max_size=40))
def test_any_bytes_are_elements_or_are_refused(data):
    try:
        found = split_elements(data)
    except Refusal:
        return
    assert sum(len(one) + 4 for one in found) == len(data)


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=5), st.just("9" * 5000)))
def test_any_body_is_read_or_refused(body, size):
    with suppress(Refusal):
        parse_infer(body, size)


def test_pixels_are_the_bytes_that_were_sent():
    values = np.arange(2 * 3 * 4 * 4, dtype=np.float32).reshape(2, 3, 4, 4)
    body, size = body_of([2, 3, 4, 4], "FP32", values.tobytes(), "pixels")
    images = read_images(*parse_infer(body, size), 4, 8)
    assert np.array_equal(np.stack(images), values)


def test_pixels_that_are_not_finite_are_refused():
    values = np.full((1, 3, 4, 4), np.nan, np.float32)
    body, size = body_of([1, 3, 4, 4], "FP32", values.tobytes(), "pixels")
    with pytest.raises(Refusal, match="not finite"):
        read_images(*parse_infer(body, size), 4, 8)


@pytest.mark.parametrize(
    ("shape", "kind", "name"), [([2, 3, 4, 4], "FP32", "pixels"), ([2], "BYTES", "image")]
)
def test_a_shape_that_the_data_contradict_is_refused(shape, kind, name):
    body, size = body_of(shape, kind, bytes(4), name)
    with pytest.raises(Refusal, match="shape"):
        read_images(*parse_infer(body, size), 4, 8)


def test_bytes_after_the_tensors_are_refused():
    body, size = body_of([1], "BYTES", bytes(4), "image")
    with pytest.raises(Refusal, match="longer than its tensors"):
        parse_infer(body + b"x", size)


def test_an_answer_in_binary_form_states_the_size_of_its_parts():
    binary = {"binary_data_size": 0}
    label = OutputTensor(name="label", shape=[2], datatype="BYTES", parameters=binary)
    scores = OutputTensor(name="scores", shape=[1], datatype="FP32")
    body, size = to_body({"id": "1"}, [(label, ["a", "é"]), (scores, np.float32([0.5]))])
    record = json.loads(body[:size])
    assert record["outputs"][0]["parameters"] == {"binary_data_size": 11}
    assert record["outputs"][1]["data"] == [0.5]
    assert split_elements(body[size:]) == [b"a", "é".encode()]
