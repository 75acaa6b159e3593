"""Request bodies in the OpenAPI document, where FastAPI does not read the body itself."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["request_body"]

_BINARY = {"type": "string", "format": "binary"}
_RAW = {"image/*": {"schema": _BINARY}, "application/octet-stream": {"schema": _BINARY}}
_PARTS = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"image": {"type": "array", "items": _BINARY, "minItems": 1}},
            "required": ["image"],
        }
    }
}


def request_body(
    record: type[BaseModel], *, raw: bool = False, multipart: bool = False
) -> dict[str, Any]:
    """Return `openapi_extra` of a call.

    Args:
        record: the body in JSON.
        raw: whether an image alone is a body, too.
        multipart: whether several images in parts are.
    """
    schema = record.model_json_schema()
    content = {
        **(_RAW if raw else {}),
        **(_PARTS if multipart else {}),
        "application/json": {"schema": _inlined(schema, schema.get("$defs", {}))},
    }
    return {"requestBody": {"required": True, "content": content}}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Replace references to definitions, which the document does not hold; none is recursive."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return _inlined({**target, **{k: v for k, v in schema.items() if k != "$ref"}}, definitions)
    return {key: _inlined(one, definitions) for key, one in schema.items() if key != "$defs"}
