"""Images over HTTP against images submitted: every image is answered, or there is no number."""

import os
import sys

import pytest

from lpt.bench.serve_http import bench_http, read_load, render_http
from lpt.errors import LptError
from lpt.serving.service import Service

from ..serving.many_tasks import png, save, task_of
from ..tiny import backbone_of, write_backbone

CLIENT = """#!{python} -SE
import http.client, sys, time
words = sys.argv[1:]
count, body, url = int(words[1]), open(words[words.index("-D") + 1], "rb").read(), words[-1]
print("response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset")
host, slash, path = url.removeprefix("http://").partition("/")
began = time.perf_counter()
for _ in range(count):
    start, connection = time.perf_counter(), http.client.HTTPConnection(host)
    connection.request("POST", "/" + path, body, {{"Content-Type": "image/jpeg"}})
    status = connection.getresponse().status
    print(f"{{time.perf_counter() - start}},0,0,0,0,0,{{status}},{{start - began}}")
"""
"""A client with the options and the answer of `hey`, one image at a time."""


def row(seconds: float, offset: float, status: str = "200") -> dict[str, str]:
    return {"response-time": str(seconds), "status-code": status, "offset": str(offset)}


def test_a_round_ends_with_its_last_answer():
    load = read_load([row(0.5, 0.0), row(0.2, 1.8), row(0.1, 1.0)], 3)
    assert load.rate == pytest.approx(1.5)
    assert load.quantile(0.5) == 0.2
    assert load.quantile(0.99) == 0.5


@pytest.mark.parametrize("rows", [[row(0.5, 0)], [row(0.5, 0), row(0.1, 1, "429")]])
def test_a_round_that_lost_an_image_has_no_rate(rows):
    with pytest.raises(LptError, match="of 2 images answered"):
        read_load(rows, 2)


def test_the_service_is_measured_with_and_without_http(tmp_path, monkeypatch):
    client = tmp_path / "hey"
    client.write_text(CLIENT.format(python=sys.executable))
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    backbone = backbone_of(write_backbone(tmp_path / "vit.safetensors"))
    task = save(task_of(backbone), tmp_path / "digits.safetensors")
    with Service([task], backbone=backbone, device="cpu") as service:
        found = bench_http(service, png(), clients=2, repeats=1)
    assert found["http_images"] == 6
    assert found["http_share"] > 0
    assert found["http_seconds"]["p50"] <= found["http_seconds"]["p99"]
    assert f"{found['http_share']:.3f} of the speed of the service, with 2" in render_http(found)


def test_without_the_load_client_there_is_no_number(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert bench_http(None, b"", clients=1, repeats=1) is None
    assert "needs the load client hey" in render_http(None)
