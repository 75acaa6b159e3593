"""Bodies in the OpenAPI document are complete: no reference leads out of it."""

import json

from lpt.serving.http.openapi_body import request_body
from lpt.serving.http.protocols.inference_records import InferBody
from lpt.serving.http.protocols.v1_records import PredictBody


def test_nested_records_are_inlined():
    body = request_body(InferBody)["requestBody"]["content"]
    assert set(body) == {"application/json"}
    schema = body["application/json"]["schema"]
    assert "$ref" not in json.dumps(schema)
    assert schema["properties"]["inputs"]["items"]["properties"]["datatype"]["type"] == "string"


def test_each_form_of_a_body_is_listed():
    content = request_body(PredictBody, raw=True, multipart=True)["requestBody"]["content"]
    assert set(content) == {
        "image/*",
        "application/octet-stream",
        "multipart/form-data",
        "application/json",
    }


def test_every_reference_of_the_document_is_resolved(client):
    document = client.get("/openapi.json").json()
    names = set(document["components"]["schemas"])
    text = json.dumps(document)
    for part in text.split('"$ref": "')[1:]:
        reference = part.partition('"')[0]
        assert reference.removeprefix("#/components/schemas/") in names
