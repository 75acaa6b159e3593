"""Bodies of requests to a server."""

import asyncio
import base64
import json
import random
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from tools.fuzz.mutations import any_value, damaged, damaged_text
from tools.fuzz.samples import picture

from lpt.errors import LptError
from lpt.serving.http.error_answers import Refusal
from lpt.serving.http.protocols.hugging_face import ClassificationBody
from lpt.serving.http.protocols.tensor_data import (
    BYTES_INPUT,
    PIXELS_INPUT,
    parse_infer,
    read_images,
)
from lpt.serving.http.protocols.v1_records import PredictBody
from lpt.serving.http.request_body import decode_base64, media_type, parse_parts, parse_record

__all__ = ["Requests"]

MOST, SIZE = 4, 2
IMAGE = base64.b64encode(picture(0)).decode()
INFER = {
    "id": "1",
    "inputs": [{"name": BYTES_INPUT, "shape": [1], "datatype": "BYTES", "data": [IMAGE]}],
    "outputs": [{"name": "probabilities"}],
}
PIXELS = {
    "name": PIXELS_INPUT,
    "shape": [1, 3, SIZE, SIZE],
    "datatype": "FP32",
    "data": [0.5] * 12,
}
HEADERS = ("Content-Disposition", "Content-Type", "Content-Transfer-Encoding", "X", "")
REPEATED = (b"[", b'{"a":', b"[],", b'{"images":["",', b"\r\n", b"--x\r\n", b"A: b\r\n", b"9")


class Requests:
    """Bodies in JSON, multipart and binary tensors, with damage, and headers that contradict."""

    name = "requests"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write a body and its headers."""
        kind = rng.choice(["v1", "hf", "infer", "parts"])
        headers: dict[str, str] = {}
        if kind == "v1":
            body = self._json(rng, {"images": [IMAGE], "top": 3, "threshold": 0.5})
        elif kind == "hf":
            body = self._json(rng, {"inputs": IMAGE, "parameters": {"top_k": 2}})
        elif kind == "infer":
            tree: Any = INFER if rng.random() < 0.5 else {"inputs": [PIXELS]}
            body = self._json(rng, tree)
            if rng.random() < 0.5:
                sizes = [str(len(body)), "0", "9" * 30, "-1", "\u00b2", "0" * 20 + "9", " 1", "x"]
                headers["inference-header-content-length"] = rng.choice(sizes)
                body += rng.randbytes(rng.choice([0, 4, 48]))
        else:
            body = self._parts(rng)
            types = ["multipart/form-data; boundary=x"] * 4
            types += ["multipart/form-data", "multipart/form-data; charset=none; boundary=x"]
            types += ["multipart/form-data; boundary=" + "x" * 100, "multipart/form-data; boundary"]
            headers["content-type"] = rng.choice(types)
        if rng.random() < 0.05:
            body = rng.choice(REPEATED) * rng.choice([1000, 100_000])
        if rng.random() < 0.05:
            headers["content-encoding"] = rng.choice(["gzip", "identity", "br, gzip", ""])
        (folder / "body").write_bytes(body)
        facts = {"kind": kind, "headers": headers}
        (folder / "headers.json").write_text(json.dumps(facts))

    def load(self, folder: Path) -> None:
        """Parse the body as the routes do. Raises: LptError for what is refused with a status."""
        body = (folder / "body").read_bytes()
        facts = json.loads((folder / "headers.json").read_text())
        headers = Headers(facts["headers"])
        try:
            media_type(headers)
            self._parse(facts["kind"], headers, body)
        except Refusal as refusal:
            if refusal.status_code >= 500:
                raise
            raise LptError(refusal.detail[:3000]) from refusal

    @staticmethod
    def _parse(kind: str, headers: Headers, body: bytes) -> None:
        if kind == "v1":
            for number, text in enumerate(parse_record(PredictBody, body).images):
                decode_base64(text, f"images[{number}]")
        elif kind == "hf":
            decode_base64(parse_record(ClassificationBody, body).inputs, "inputs")
        elif kind == "infer":
            given, blobs = parse_infer(body, headers.get("inference-header-content-length"))
            read_images(given, blobs, SIZE, MOST)
        else:
            asyncio.run(parse_parts(headers, body, MOST))

    @staticmethod
    def _json(rng: random.Random, tree: Any) -> bytes:
        if rng.random() < 0.1:
            tree = {**tree, "more": any_value(rng)}
        return damaged_text(rng, tree).encode("utf-8", "replace")

    @staticmethod
    def _parts(rng: random.Random) -> bytes:
        parts = b""
        for _ in range(rng.choice([0, 1, 1, 2, 5, 200])):
            name = rng.choice(["a.png", "", "../../x", "\x1b[31m", "x" * 5000, 'a"; x="'])
            text = f'form-data; name="f"; filename="{name}"'
            lines = [f"{rng.choice(HEADERS[:2])}: {text}"]
            lines += [f"{rng.choice(HEADERS)}: {name}" for _ in range(rng.choice([0, 0, 1, 50]))]
            parts += b"--x\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + picture(0) + b"\r\n"
        body = parts + b"--x--\r\n"
        return damaged(rng, body) if rng.random() < 0.5 else body
