"""The files of deploy/: no privileges, nothing written, and options and paths that exist."""

import json
import re
from pathlib import Path

import pytest
import typer
import yaml

from lpt.cli import app

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")


def documents(name: str) -> list[dict]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def containers() -> list[dict]:
    deployment, *_ = documents("kubernetes.yaml")
    runtime, *_ = documents("kserve.yaml")
    return [*deployment["spec"]["template"]["spec"]["containers"], *runtime["spec"]["containers"]]


@pytest.mark.parametrize("container", containers(), ids=["kubernetes", "kserve"])
def test_containers_write_nothing_and_have_no_privileges(container):
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert all(mount["readOnly"] for mount in container.get("volumeMounts", []))
    assert {"cpu", "memory"} == set(container["resources"]["limits"])


def test_pods_are_not_root_and_have_longer_to_end_than_the_server_takes():
    spec = documents("kubernetes.yaml")[0]["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    arguments = spec["containers"][0]["args"]
    grace = float(arguments[arguments.index("--grace") + 1])
    assert spec["terminationGracePeriodSeconds"] >= grace + 10 + 5
    assert re.search(r"^USER 10001", CONTAINERFILE, re.MULTILINE)


def test_options_of_containers_exist():
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", CONTAINERFILE, re.MULTILINE)
    known = {
        option
        for parameter in typer.main.get_command(app).commands["serve"].params
        for option in parameter.opts
    }
    for words in (json.loads(entry), *(container["args"] for container in containers())):
        used = {word for word in words if str(word).startswith("--")}
        assert used <= known


def test_probes_ask_for_paths_that_are_served(tmp_path):
    from lpt.serving.http.protocols.open_inference import open_inference_routes

    routes = open_inference_routes(None, None).routes
    served = {route.path for route in routes}
    for container in containers():
        probes = [one for name, one in container.items() if name.endswith("Probe")]
        assert len(probes) >= 2
        for probe in probes:
            assert probe["httpGet"]["path"] in served
    assert "8000/v2/health/ready" in CONTAINERFILE
