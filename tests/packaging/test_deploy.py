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


def test_the_service_and_the_disruption_budget_select_the_pods_of_the_deployment():
    by_kind = {one["kind"]: one for one in documents("kubernetes.yaml")}
    assert {kind: one["apiVersion"] for kind, one in by_kind.items()} == {
        "Deployment": "apps/v1",
        "Service": "v1",
        "PodDisruptionBudget": "policy/v1",
        "NetworkPolicy": "networking.k8s.io/v1",
    }
    spec = by_kind["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    assert by_kind["Service"]["spec"]["selector"] == labels
    assert by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert by_kind["PodDisruptionBudget"]["spec"]["minAvailable"] < spec["replicas"]


def test_ports_and_the_folder_of_tasks_agree():
    container = containers()[0]
    (port,) = container["ports"]
    service = next(one for one in documents("kubernetes.yaml") if one["kind"] == "Service")
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert f"EXPOSE {port['containerPort']}" in CONTAINERFILE
    (mount,) = container["volumeMounts"]
    assert f'"--tasks", "{mount["mountPath"]}"]' in CONTAINERFILE
    volumes = documents("kubernetes.yaml")[0]["spec"]["template"]["spec"]["volumes"]
    assert [volume["name"] for volume in volumes] == [mount["name"]]


def test_kserve_runs_the_service_in_the_runtime_on_the_port_that_it_is_given():
    runtime, service = documents("kserve.yaml")
    assert (runtime["apiVersion"], runtime["kind"]) == (
        "serving.kserve.io/v1alpha1",
        "ServingRuntime",
    )
    assert (service["apiVersion"], service["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )
    (container,) = runtime["spec"]["containers"]
    arguments, (port,) = container["args"], container["ports"]
    assert arguments[arguments.index("--port") + 1] == str(port["containerPort"])
    assert arguments[arguments.index("--tasks") + 1] == "/mnt/models"  # where KServe puts them
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    formats = [one["name"] for one in runtime["spec"]["supportedModelFormats"]]
    assert model["modelFormat"]["name"] in formats
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"] == ["v2"]


def test_the_container_is_built_from_files_that_exist_and_runs_what_it_built():
    root = DEPLOY.parent
    for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE):
        *sources, _ = line.split()
        assert sources, line
        assert all((root / source).exists() for source in sources), line
    stages = re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
    assert len(stages) == 2
    assert len(set(stages)) == 1  # the environment is moved between equal systems
    final = CONTAINERFILE.rpartition("\nFROM ")[2]
    assert final.index("USER ") < final.index("ENTRYPOINT")
    assert "RUN " not in final
    assert "COPY --from=build /opt/lpt /opt/lpt" in final
    assert "PATH=/opt/lpt/bin:$PATH" in final
