"""Bodies of the Open Inference Protocol, version 2, with Triton's extensions."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "InferAnswer",
    "InferBody",
    "InferInput",
    "InferOutput",
    "ModelMetadata",
    "OutputTensor",
    "Parameters",
    "ServerMetadata",
    "TensorMetadata",
]

Parameters = dict[str, str | int | float | bool]


class _Given(BaseModel):
    """Fields that we do not know are ignored, as the protocol asks of servers."""

    model_config = ConfigDict(extra="ignore")


class InferInput(_Given):
    """An input tensor; its data are here or, for `binary_data_size`, after the JSON."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0, le=2**31)]], Field(max_length=8)]
    datatype: str
    parameters: Parameters = {}
    data: list[Any] | None = None


class InferOutput(_Given):
    """An output that is asked for."""

    name: str
    parameters: Parameters = {}


class InferBody(_Given):
    """A request for predictions."""

    id: Annotated[str | None, Field(max_length=200)] = None
    parameters: Parameters = {}
    inputs: Annotated[list[InferInput], Field(min_length=1, max_length=8)]
    outputs: Annotated[list[InferOutput] | None, Field(max_length=8)] = None


class OutputTensor(BaseModel):
    """An output tensor; without `data`, these follow the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: list[Any] | None = None


class InferAnswer(BaseModel):
    """The answer to a request for predictions."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(BaseModel):
    """An input or output of a model; -1 is any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """A task as a model of the protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(BaseModel):
    """The server and the extensions of the protocol that it knows."""

    name: str
    version: str
    extensions: list[str]
