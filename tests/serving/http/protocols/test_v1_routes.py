"""Predict, list and describe, in each form of a body."""

import base64

import pytest

from ..fake_tasks import CLASSES, VERSION

PREDICT = "/v1/tasks/insects/predict"


def encoded(image: bytes) -> str:
    return base64.b64encode(image).decode()


def test_raw_bytes_give_classes_probabilities_prompts_and_the_version(client):
    answer = client.post(PREDICT, content=b"image:1", headers={"content-type": "image/png"})
    assert answer.status_code == 200
    (found,) = answer.json()["predictions"]
    assert answer.json()["task"] == "insects"
    assert found["version"] == f"insects@{VERSION}"
    assert found["classes"][0] == {"label": "bee", "index": 1, "probability": pytest.approx(0.7)}
    assert len(found["classes"]) == 4
    assert (found["matched"], found["sure"], found["embedding"]) == ([1, 3], True, None)
    assert found["nearest"] is None
    assert found["seconds"] == {"decode": 0.001, "wait": 0.002, "compute": 0.003}


def test_the_query_sets_top_threshold_and_embedding(client):
    query = {"top": 2, "threshold": 0.9, "embedding": True}
    (found,) = client.post(PREDICT, params=query, content=b"image:0").json()["predictions"]
    assert found["classes"][0]["label"] == "ant"
    assert len(found["classes"]) == 2
    assert found["sure"] is False
    assert found["embedding"] == [0, 1, 2]


def test_nearest_training_images_come_with_a_prediction_that_asks_for_them(client, tasks):
    (found,) = client.post(PREDICT, params={"nearest": 2}, content=b"image:0").json()["predictions"]
    near = found["nearest"]
    assert (near["state"], near["searched"], len(near["images"])) == ("ready", 350, 2)
    assert near["images"][0]["label"] == "dog"
    assert base64.b64decode(near["images"][0]["thumbnail"])[:2] == b"\xff\xd8"
    assert found["embedding"] is None
    body = {"images": [encoded(b"image:0")], "nearest": 1, "embedding": True}
    (other,) = client.post("/v1/tasks/plain/predict", json=body).json()["predictions"]
    assert other["nearest"] == {"state": "unavailable", "searched": 0, "images": []}
    assert other["embedding"] == [0, 1, 2]
    assert client.post(PREDICT, params={"nearest": 13}, content=b"image:0").status_code == 422


def test_a_task_without_a_threshold_is_neither_sure_nor_not(client):
    answer = client.post("/v1/tasks/plain/predict", content=b"image:0")
    assert answer.json()["predictions"][0]["sure"] is None
    assert answer.json()["predictions"][0]["matched"] == []


def test_several_images_in_multipart_are_answered_in_order_with_their_names(client):
    files = [("image", (f"{i}.png", b"image:%d" % i, "image/png")) for i in (3, 0, 1)]
    found = client.post(PREDICT, files=files).json()["predictions"]
    assert [one["image"] for one in found] == ["3.png", "0.png", "1.png"]
    assert [one["classes"][0]["index"] for one in found] == [3, 0, 1]


def test_json_holds_images_in_base64_and_options_that_win_over_the_query(client):
    images = [encoded(b"image:2"), "data:image/png;base64," + encoded(b"image:3")]
    body = {"images": images, "top": 1}
    found = client.post(PREDICT, params={"top": 3}, json=body).json()["predictions"]
    assert [[c["index"] for c in one["classes"]] for one in found] == [[2], [3]]


def test_a_version_can_be_asked_for(client):
    good = client.post(f"/v1/tasks/insects@{VERSION}/predict", content=b"image:0")
    assert good.status_code == 200
    other = client.post("/v1/tasks/insects@ffffffffffff/predict", content=b"image:0")
    assert (other.status_code, other.json()["code"]) == (404, "unknown_task")


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"nonsense", "image/png", 422, "bad_image"),
        (b"huge", "image/png", 413, "too_large"),
        (b"", "image/png", 422, "no_image"),
        (b"image:0", "text/plain", 415, "unsupported_type"),
        (b"{", "application/json", 400, "invalid_json"),
        (b'{"images": ["%"]}', "application/json", 422, "invalid_base64"),
        (b'{"images": []}', "application/json", 422, "invalid_request"),
        (b'{"images": ["aGk="], "top": 0}', "application/json", 422, "invalid_request"),
        (b'{"images": ["aGk="], "paths": 0}', "application/json", 422, "invalid_request"),
        (b'{"images": ["aGk="], "threshold": NaN}', "application/json", 400, "invalid_json"),
        (b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b"[" + b"[]," * 100_000 + b"[]]", "application/json", 400, "invalid_json"),
        (b"{" + b'"":1,' * 100_000 + b'"":1}', "application/json", 400, "invalid_json"),
        (b"x", "multipart/form-data", 400, "invalid_multipart"),
        (b"x", "multipart/form-data; boundary=y", 400, "invalid_multipart"),
    ],
)
def test_a_bad_body_is_refused_with_its_reason(client, content, kind, status, code):
    answer = client.post(PREDICT, content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_bad_image_among_several_is_named(client):
    body = {"images": [encoded(b"image:2"), encoded(b"nonsense")]}
    answer = client.post(PREDICT, json=body)
    assert (answer.status_code, answer.json()["error"]) == (422, "images[1]: Not an image.")


def test_more_images_than_allowed_are_refused_in_every_form(client_with):
    client = client_with(max_images=2)
    as_json = client.post(PREDICT, json={"images": [encoded(b"image:0")] * 3})
    files = [("image", ("a.png", b"image:0"))] * 3
    assert as_json.status_code == 422
    assert client.post(PREDICT, files=files).status_code == 400


def test_a_compressed_body_is_refused(client):
    headers = {"content-encoding": "gzip"}
    assert client.post(PREDICT, content=b"image:0", headers=headers).status_code == 415


def test_tasks_are_listed_with_their_state(client):
    listed = {one["name"]: one for one in client.get("/v1/tasks").json()["tasks"]}
    assert set(listed) == {"insects", "plain", "broken"}
    assert listed["insects"]["classes"] == 4
    assert listed["broken"]["reason"] == "broken: another backbone."


def test_a_task_is_described_with_counts_and_metrics(client):
    found = client.get("/v1/tasks/insects").json()
    assert found["classes"][2] == {"name": CLASSES[2], "training_images": 6}
    assert found["metrics"]["phase2"]["test"]["few"] == 0.8
    assert found["metadata"]["few_below"] == 20
    unknown = client.get("/v1/tasks/plain").json()
    assert unknown["classes"][0] == {"name": "ant", "training_images": None}


def test_options_out_of_range_are_named(client):
    answer = client.post(PREDICT, params={"top": 0, "threshold": 2}, content=b"image:0")
    assert answer.status_code == 422
    assert "top: " in answer.json()["error"]
    assert "threshold: " in answer.json()["error"]


@pytest.mark.parametrize("name", ["treshold", "", "x" * 1000])
def test_a_parameter_that_a_call_does_not_have_is_named(client, name):
    answer = client.post(PREDICT, params={name: "0.5"}, content=b"image:0")
    assert answer.status_code == 422
    assert answer.json()["code"] == "unknown_parameter"
    assert f"no parameter {name[:80]!r}. This call has top, threshold" in answer.json()["error"]
    assert "This call has none" in client.get("/v1/tasks", params={"top": 3}).json()["error"]
