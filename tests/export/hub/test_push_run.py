"""A task is published and loaded with the hub's own client, against a hub on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from safetensors import safe_open

from lpt.export.hub.push_run import run_files
from lpt.task_file import read_spec, save_task

from ...hub_server import TOKEN, Hub, running_hub
from ...test_task_file import model_for, spec_for
from ...tiny import backbone_of, write_backbone

GOLDEN = Path(__file__).parents[2] / "golden" / "v0_1"
Client = Callable[..., tuple[int, str, str]]


DRIVER = """
import contextlib, io, json, os, sys
from lpt.cli import main

for line in sys.stdin:
    asked = json.loads(line)
    os.environ.pop("HF_TOKEN", None)
    if asked["token"]:
        os.environ["HF_TOKEN"] = asked["token"]
    sys.argv = ["lpt", *asked["arguments"]]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if asked["arguments"][0] == "hash of":
                from lpt.backbones import load_backbone
                print(load_backbone(asked["arguments"][1]).spec.sha256)
            else:
                main()
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
"""Runs commands in one process: the client reads HF_ENDPOINT when it is imported."""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as served:
        yield served


@contextmanager
def driver(hub: Hub, home: Path, **extra: str) -> Iterator[Client]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    environment = {
        **inherited,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "LPT_CACHE": str(home / "cache"),
        **extra,
    }
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=home,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def call(*arguments: str, token: str | None = TOKEN) -> tuple[int, str, str]:
            process.stdin.write(json.dumps({"arguments": arguments, "token": token}) + "\n")
            process.stdin.flush()
            code, out, err = json.loads(process.stdout.readline())
            return code, out, err

        try:
            yield call
        finally:
            process.stdin.close()
            process.wait(30)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def client(hub: Hub, home: Path) -> Iterator[Client]:
    """The command line, online."""
    with driver(hub, home) as call:
        yield call


def predicted(client: Client, name: str, **options: str | None) -> tuple[int, str, str]:
    code, out, err = client(
        "predict",
        name,
        str(GOLDEN / "images" / "7.png"),
        "--top",
        "1",
        "--device",
        "cpu",
        **options,
    )
    return code, out.replace(str(GOLDEN / "images" / "7.png"), "7.png"), err


@pytest.mark.slow
def test_a_task_is_published_and_predicts_from_the_hub_and_offline(client, hub, home):
    code, out, err = client("push", str(GOLDEN / "run"), "ada/digits", "--json")
    assert code == 0, err
    revision = json.loads(out)["revision"]
    _, files = hub.find("ada/digits", revision)
    assert sorted(files) == ["README.md", "adapter_config.json", "config.json", "task.safetensors"]
    assert files["task.safetensors"] == (GOLDEN / "run" / "task.safetensors").read_bytes()
    code, out, err = predicted(client, "hf:ada/digits", token=None)
    assert (code, out) == (0, "7.png  7 36.4%\n"), err
    code, out, err = client("info", "hf:ada/digits", token=None)
    assert code == 0, err
    assert out.startswith("hf:ada/digits: task\n")
    assert "10 classes, training images" in out
    untrained = ("--set", "phase1.epochs=0", "--set", "phase2.epochs=0", "--device", "cpu")
    code, _, err = client("train", "digits", "--init-from", "hf:ada/digits", *untrained)
    assert code == 0, err
    assert "prompts and keys, and 10 classes of 10" in err
    asked = len(hub.requests)
    with driver(hub, home, HF_HUB_OFFLINE="1") as offline:
        code, out, err = predicted(offline, f"hf:ada/digits@{revision}")
        assert (code, out) == (0, "7.png  7 36.4%\n"), err
        code, _, err = predicted(offline, "hf:ada/elsewhere")
        assert code == 2
        assert "is not on this machine" in err
    assert len(hub.requests) == asked


@pytest.mark.slow
def test_a_private_task_needs_the_token(client, hub):
    assert client("push", str(GOLDEN / "run"), "ada/secret", "--private")[0] == 0
    assert "ada/secret" in hub.private
    code, out, err = predicted(client, "hf:ada/secret", token=None)
    assert (code, out) == (2, "")
    assert "no repository ada/secret that you may read" in err
    assert predicted(client, "hf:ada/secret")[0] == 0


@pytest.mark.slow
def test_without_a_login_nothing_is_published(client, hub):
    code, _, err = client("push", str(GOLDEN / "run"), "ada/none", token=None)
    assert code == 2
    assert "not published" in err
    assert len(err.splitlines()) <= 2
    assert "ada/none" not in hub.commits


@pytest.mark.slow
def test_a_damaged_download_is_refused_by_its_hash(client, hub):
    hub.commit("ada/damaged", {"task.safetensors": (GOLDEN / "run/task.safetensors").read_bytes()})
    hub.damaged = True
    try:
        code, _, err = predicted(client, "hf:ada/damaged")
    finally:
        hub.damaged = False
    assert code == 2
    assert "the download is damaged" in err


@pytest.mark.slow
def test_a_file_that_states_a_giant_size_is_refused_before_it_is_fetched(client, hub):
    hub.commit("ada/giant", {"task.safetensors": b"x" * 10})
    hub.stated_size = 2**40
    asked = len(hub.requests)
    try:
        code, _, err = predicted(client, "hf:ada/giant")
    finally:
        hub.stated_size = None
    assert code == 2
    assert "more than the" in err
    assert not [r for r in hub.requests[asked:] if r.startswith("GET")]


@pytest.mark.slow
def test_unknown_names_revisions_and_files_are_named(client, hub):
    hub.commit("ada/other", {"README.md": b"# other"})
    for name, said in {
        "hf:ada/missing": "no repository ada/missing",
        "hf:ada/other@0123456789": "no revision 0123456789",
        "hf:ada/other": "has no task.safetensors",
        "hf:ada": "Write hf:USER/NAME",
    }.items():
        code, out, err = predicted(client, name)
        assert (code, out) == (2, ""), name
        assert said in err
        assert len(err.splitlines()) <= 2


@pytest.mark.slow
def test_a_backbone_that_the_task_names_is_neither_opened_nor_believed(client, hub, tmp_path):
    path = write_backbone(tmp_path / "vit.safetensors")
    backbone = backbone_of(path)
    spec = spec_for(backbone)
    file = tmp_path / "task.safetensors"
    save_task(file, model_for(backbone, spec), spec)
    identity = json.dumps({"backbone": spec.backbone.sha256}).encode()
    hub.commit("eve/path", {"task.safetensors": file.read_bytes(), "identity.json": identity})
    code, _, err = predicted(client, "hf:eve/path")
    assert code == 2
    assert "is a path, chosen by the file" in err
    other = write_backbone(tmp_path / "other.safetensors", seed=1)
    code, _, err = client(
        "predict", "hf:eve/path", str(GOLDEN / "images/7.png"), "--backbone", str(other)
    )
    assert code == 2
    assert "made for backbone" in err
    code, _, err = client(
        "predict", "hf:eve/path", str(GOLDEN / "images/7.png"), "--backbone", str(path)
    )
    assert code == 0, err


@pytest.mark.slow
def test_backbones_come_from_the_hub_by_both_names_of_timm(client, hub, tmp_path):
    import timm
    from safetensors.torch import save

    vit = timm.create_model("test_vit", num_classes=0)
    config = {"architecture": "test_vit", "num_classes": 0, "pretrained_cfg": {"tag": "r160"}}
    files = {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": save({k: v.contiguous() for k, v in vit.state_dict().items()}),
    }
    hub.commit("ada/vit", files)
    hub.commit("timm/test_vit.r160_in1k", files)
    (tmp_path / "vit.safetensors").write_bytes(files["model.safetensors"])
    names = ("hf-hub:ada/vit", "test_vit.r160_in1k", f"test_vit@{tmp_path}/vit.safetensors")
    code, one, err = client("hash of", names[0])
    assert code == 0, err
    assert len(one) == 65
    assert {client("hash of", name)[1] for name in names} == {one}


def test_the_card_is_read_by_the_hub_and_says_how_rare_classes_do():
    files = run_files(GOLDEN / "run", "ada/digits", license="apache-2.0")
    card = ModelCard(files["README.md"].decode())
    stated = card.data.to_dict()
    assert (stated["library_name"], stated["pipeline_tag"]) == ("lpt", "image-classification")
    assert card.data.license == "apache-2.0"
    scores = read_spec(GOLDEN / "run" / "task.safetensors").metrics["phase2"]["test"]
    found = {
        r.metric_name.partition(",")[2].partition(":")[0].strip(): r for r in card.data.eval_results
    }
    for name in ("overall", "many", "medium", "few"):
        assert found[name].metric_value == scores[name]
    assert found["few"].metric_config is None
    assert "test images. Rare classes:" in card.text
    for heading in ("## Data", "## Calibration", "## Limits", "## Licence"):
        assert heading in card.text


def test_the_number_of_test_images_is_in_the_card():
    readme = run_files(GOLDEN / "run", "ada/digits")["README.md"].decode()
    index = yaml.safe_load(readme.split("---")[1])["model-index"][0]
    (result,) = index["results"]
    assert result["dataset"]["args"]["test_images"] > 100
    assert f"Measured on {result['dataset']['args']['test_images']:,} test images" in readme


def test_the_adapter_names_backbone_and_hash():
    files = run_files(GOLDEN / "run", "ada/digits")
    adapter = json.loads(files["adapter_config.json"])
    spec = read_spec(GOLDEN / "run" / "task.safetensors")
    assert adapter["base_model_name_or_path"] == "vit_tiny_patch8_64"
    assert adapter["backbone_sha256"] == spec.backbone.sha256
    assert json.loads(files["config.json"])["class_names"] == list(spec.class_names)


def test_no_path_of_this_machine_is_published(tmp_path):
    """Adapters are, and the card names them."""
    backbone = backbone_of(write_backbone(tmp_path / "private" / "vit.safetensors"))
    spec = spec_for(backbone, adapter_width=2)
    save_task(tmp_path / "task.safetensors", model_for(backbone, spec), spec)
    files = run_files(tmp_path / "task.safetensors", "ada/birds")
    for name, content in files.items():
        assert str(tmp_path).encode() not in content, name
    assert b"holds the prompts, the adapters and the classifier" in files["README.md"]
    published = tmp_path / "published.safetensors"
    published.write_bytes(files["task.safetensors"])
    assert read_spec(published).backbone.name == "vit.safetensors"
    with (
        safe_open(published, "pt") as copy,
        safe_open(tmp_path / "task.safetensors", "pt") as own,
    ):
        assert copy.metadata()["lpt_task"] == "3"
        assert all(copy.get_tensor(n).equal(own.get_tensor(n)) for n in own.keys())  # noqa: SIM118
