"""A request may name the class frequencies of its images; nothing that it names is opened."""

import base64

import numpy as np
import pytest

from lpt.evaluation.priors import adjust_to_prior

PREDICT = "/v1/tasks/insects/predict"
IMAGE = base64.b64encode(b"image:1").decode()
BEFORE = np.array([[0.1, 0.7, 0.1, 0.1]])
SCRIPT = "<script>alert(1)</script>"


def probabilities(answer) -> list[float]:
    assert answer.status_code == 200, answer.text
    classes = answer.json()["predictions"][0]["classes"]
    return [one["probability"] for one in sorted(classes, key=lambda one: one["index"])]


@pytest.mark.parametrize(
    ("prior", "target"),
    [
        ({"ant": 3, "bee": 1}, [3, 1, 0, 0]),
        ({"dog": 0.5, SCRIPT: 0.5}, [0, 0, 1, 1]),
        ("training", [300, 40, 6, 1]),
        ("uniform", [1, 1, 1, 1]),
    ],
)
def test_probabilities_hold_under_the_frequencies_of_the_request(client, prior, target):
    answer = client.post(PREDICT, json={"images": [IMAGE], "prior": prior})
    wanted = adjust_to_prior(BEFORE, np.ones(4), np.array(target, dtype=float))[0]
    assert probabilities(answer) == pytest.approx(wanted, abs=1e-6)


def test_a_word_may_be_in_the_query_and_the_body_wins(client):
    query = {"prior": "training"}
    skewed = probabilities(client.post(PREDICT, params=query, content=b"image:1"))
    assert skewed[0] > 0.5
    body = {"images": [IMAGE], "prior": "uniform"}
    same = probabilities(client.post(PREDICT, params=query, json=body))
    assert same == pytest.approx(BEFORE[0])


def test_the_threshold_is_compared_after_the_adjustment(client):
    body = {"images": [IMAGE], "prior": {"ant": 1, "bee": 1}, "threshold": 0.8}
    (found,) = client.post(PREDICT, json=body).json()["predictions"]
    assert found["classes"][0]["probability"] == pytest.approx(0.875)
    assert found["sure"] is True


@pytest.mark.parametrize(
    ("prior", "code"),
    [
        ({"bees": 1}, "invalid_prior"),
        ({"ant": 0}, "invalid_prior"),
        ({}, "invalid_request"),
        ({"ant": -1}, "invalid_request"),
        ({"ant": "many"}, "invalid_request"),
        ({"ant": 10**400}, "invalid_request"),
        ("estimate", "invalid_request"),
        ("/etc/passwd", "invalid_request"),
        ([1, 1, 1, 1], "invalid_request"),
    ],
)
def test_frequencies_that_are_none_are_refused_before_an_image_is_computed(
    client, tasks, prior, code
):
    answer = client.post(PREDICT, json={"images": [IMAGE], "prior": prior})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert tasks.seen == []


def test_a_task_without_numbers_has_no_training_frequencies(client):
    answer = client.post(
        "/v1/tasks/plain/predict", params={"prior": "training"}, content=b"image:1"
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_prior")
