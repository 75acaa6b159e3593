"""Two replicas on a local Ray: each task is answered by a replica that holds it."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from lpt.errors import ConfigError, ParameterError

from ...tiny import backbone_of, write_backbone
from ..many_tasks import classes, png, save, task_of

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="needs lpt[ray]"),
    pytest.mark.filterwarnings("ignore"),  # those of Ray are not ours
]


def test_arguments_of_serve_run_are_checked(tmp_path):
    from lpt.serving.ray_serve.ray_app import application, build

    with pytest.raises(ConfigError, match="folder=DIR"):
        build({})
    with pytest.raises(ConfigError, match="wings"):
        build({"folder": str(tmp_path), "wings": "2"})
    with pytest.raises(ConfigError, match="whole number"):
        build({"folder": str(tmp_path), "replicas": "many"})
    with pytest.raises(ParameterError, match="replicas"):
        application(folder=tmp_path, replicas=0)


@pytest.mark.slow
def test_images_reach_a_replica_that_holds_their_task(tmp_path):
    vit, photo = write_backbone(tmp_path / "vit.safetensors"), tmp_path / "photo.png"
    photo.write_bytes(png())
    for name, kind in {"ant": {}, "bee": classes(6)}.items():
        save(task_of(backbone_of(vit), **kind), tmp_path / "tasks" / f"{name}.safetensors")
    script = Path(__file__).with_name("two_replicas.py")
    words = [sys.executable, str(script), str(tmp_path / "tasks"), str(vit), str(photo)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        try:
            out, complaints = child.communicate(timeout=300)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)  # the processes of Ray, too
    if child.returncode == 77:
        pytest.skip("Ray did not start: it has 15 seconds for each of its programs")
    assert child.returncode == 0, complaints[-3000:]
    found = json.loads(out.splitlines()[-1])

    for name, (status, answer) in zip(("ant", "bee"), found["first"], strict=True):
        assert status == 200
        assert answer["predictions"][0]["version"].startswith(f"{name}@")
    assert set(found["statuses"]) == {200}
    assert [one["name"] for one in found["listed"][1]["tasks"]] == ["ant", "bee"]
    assert found["unknown"][0] == 404
    assert (found["bad"][0], found["bad"][1]["code"]) == (422, "bad_image")
    assert found["ready"] == [200, {"ready": True}]
    assert found["nearest"][1]["predictions"][0]["nearest"]["state"] == "unavailable"

    answered = found["answered"]
    assert len(answered) == 2
    for name in ("ant", "bee"):
        counts = sorted(one.get(name, 0) for one in answered.values())
        assert counts[1] >= 15
        assert counts[0] <= 1, answered
