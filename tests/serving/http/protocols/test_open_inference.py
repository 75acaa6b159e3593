"""The protocol as its own client speaks it: tritonclient, against a server on a socket."""

import base64

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from ..fake_tasks import SIZE, VERSION

INFER = "/v2/models/insects/infer"


@pytest.fixture
def infer_client(server):
    made = triton.InferenceServerClient(server.url.removeprefix("http://"))
    yield made
    made.close()


def encoded_input(images: list[bytes], *, binary: bool = True) -> triton.InferInput:
    given = triton.InferInput("image", [len(images)], "BYTES")
    elements = images if binary else [base64.b64encode(one) for one in images]
    given.set_data_from_numpy(np.array(elements, dtype=object), binary_data=binary)
    return given


def pixels_input(classes: list[int], *, binary: bool = True) -> triton.InferInput:
    values = np.stack([np.full((3, SIZE, SIZE), one, np.float32) for one in classes])
    given = triton.InferInput("pixels", list(values.shape), "FP32")
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def test_the_client_finds_the_server_and_its_tasks(infer_client, tasks):
    assert infer_client.is_server_live()
    assert infer_client.is_server_ready()
    assert infer_client.get_server_metadata()["name"] == "lpt"
    assert infer_client.is_model_ready("insects")
    assert infer_client.is_model_ready("insects", VERSION)
    assert not infer_client.is_model_ready("broken")
    assert not infer_client.is_model_ready("nosuch")
    found = infer_client.get_model_metadata("insects")
    assert found["versions"] == [VERSION]
    assert {"name": "pixels", "datatype": "FP32", "shape": [-1, 3, SIZE, SIZE]} in found["inputs"]
    tasks.is_ready = False
    assert not infer_client.is_server_ready()
    assert infer_client.is_server_live()


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("kind", ["encoded", "pixels"])
def test_the_client_gets_every_output_in_both_forms(infer_client, binary, kind):
    if kind == "encoded":
        given = encoded_input([b"image:1", b"image:3"], binary=binary)
    else:
        given = pixels_input([1, 3], binary=binary)
    names = ("label", "probabilities", "matched", "embedding")
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    found = infer_client.infer("insects", [given], outputs=outputs, request_id="7")
    labels = found.as_numpy("label").tolist()
    assert [x.decode() if isinstance(x, bytes) else x for x in labels] == ["bee", "dog"]
    probabilities = found.as_numpy("probabilities")
    assert probabilities.dtype == np.float32
    assert probabilities.argmax(1).tolist() == [1, 3]
    assert found.as_numpy("matched").tolist() == [[1, 3], [1, 3]]
    assert found.as_numpy("embedding").shape == (2, 3)
    answer = found.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == (
        "7",
        "insects",
        VERSION,
    )


def test_without_outputs_the_client_gets_all_but_the_embedding(infer_client):
    found = infer_client.infer("plain", [encoded_input([b"image:0"])])
    assert found.as_numpy("probabilities").shape == (1, 4)
    assert found.as_numpy("matched").shape == (1, 0)
    assert found.as_numpy("embedding") is None


def test_the_classification_extension_names_the_best_classes(infer_client):
    wanted = triton.InferRequestedOutput("probabilities", class_count=2)
    found = infer_client.infer("insects", [encoded_input([b"image:1"])], outputs=[wanted])
    assert found.as_numpy("probabilities")[0, 0] == b"0.700000:1:bee"


def test_a_version_and_a_timeout_can_be_given(infer_client, tasks):
    given = encoded_input([b"image:0"])
    assert infer_client.infer("insects", [given], model_version=VERSION)
    with pytest.raises(InferenceServerException, match="no such task"):
        infer_client.infer("insects", [given], model_version="f" * 12)
    with pytest.raises(InferenceServerException, match="deadline"):
        infer_client.infer("insects", [encoded_input([b"slow:"])], timeout=20_000)
    assert tasks.seen[-1] == ("insects", 5, 0.02)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"inputs": []}, 422),
        ({"inputs": [{"name": "image", "shape": [1], "datatype": "INT8", "data": [1]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [2], "datatype": "BYTES", "data": ["aGk="]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [3]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["%"]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [0], "datatype": "BYTES", "data": []}]}, 422),
        ({"inputs": [{"name": "image", "shape": [2**31] * 8, "datatype": "BYTES"}]}, 422),
        ({"inputs": [{"name": "pixels", "shape": [1, 3, 4, 5], "datatype": "FP32"}]}, 422),
        ({"inputs": [{"name": "pixels", "shape": [1, 3, 4, 4], "datatype": "FP32"}]}, 422),
        (
            {
                "inputs": [
                    {
                        "name": "pixels",
                        "shape": [1, 3, 4, 4],
                        "datatype": "FP32",
                        "data": [1e300] * 48,
                    }
                ]
            },
            422,
        ),
        ({"outputs": [{"name": "nosuch"}]}, 422),
        (
            {
                "inputs": [
                    {
                        "name": "image",
                        "shape": [1],
                        "datatype": "BYTES",
                        "parameters": {"binary_data_size": 100},
                    }
                ]
            },
            400,
        ),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(client, change, status):
    good = {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["aW1hZ2U6MA=="]}
    assert client.post(INFER, json={"inputs": [good]}).status_code == 200
    assert client.post(INFER, json={"inputs": [good], **change}).status_code == status
