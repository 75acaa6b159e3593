"""Image classification as huggingface_hub's own client asks for it, over a socket."""

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError


def test_the_client_classifies_an_image(server):
    found = InferenceClient(model=f"{server.url}/hf/insects").image_classification(b"image:1")
    assert (found[0].label, found[0].score) == ("bee", pytest.approx(0.7))
    assert len(found) == 4


def test_the_client_limits_the_number_of_classes(server):
    client = InferenceClient(model=f"{server.url}/hf/insects@0123456789ab")
    found = client.image_classification(b"image:3", top_k=2, function_to_apply="softmax")
    assert len(found) == 2
    assert found[0].label == "dog"


def test_the_client_sees_the_reason_of_a_refusal(server):
    with pytest.raises(HfHubHTTPError, match="Not an image"):
        InferenceClient(model=f"{server.url}/hf/insects").image_classification(b"nonsense")


def test_scores_that_are_no_probabilities_are_refused(client):
    body = {"inputs": "aW1hZ2U6MA==", "parameters": {"function_to_apply": "sigmoid"}}
    answer = client.post("/hf/insects", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
