"""An exported file predicts as the task does, whatever its backbone and form."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from timm.layers import SwiGLU, SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import lpt
from lpt.backbones import FrozenViT
from lpt.errors import BackboneError, ConfigError, LptError, ParameterError, TaskFileError
from lpt.export import export_task, write_graph
from lpt.export.check_images import CheckImages
from lpt.export.source_task import export_place
from lpt.export.torch_program import checked_program
from lpt.export.write_graph import checked_graph
from lpt.task import Task

from ..contracts.tiny_families import KINDS
from ..test_task_file import EARLY, model_for, spec_for
from ..tiny import backbone_of, write_backbone

GOLDEN = Path(__file__).parents[1] / "golden" / "v0_1"
SEVEN = GOLDEN / "images" / "7.png"


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    backbone = backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    spec = spec_for(backbone)
    return Task(model_for(backbone, spec), spec)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_task(GOLDEN / "run", tmp_path_factory.mktemp("golden") / "digits.onnx").path


def noise(task: Task, count: int = 70) -> CheckImages:
    side = task.spec.backbone.image_size
    generator = torch.Generator().manual_seed(3)
    return CheckImages(torch.randn(count, 3, side, side, generator=generator), None)


def vit(**changes: object) -> FrozenViT:
    torch.manual_seed(0)
    settings = {"img_size": 16, "patch_size": 8, "embed_dim": 16, "depth": 3, "num_heads": 2}
    return FrozenViT(VisionTransformer(**{**settings, "num_classes": 0, **changes}))


def test_a_file_predicts_as_the_run_and_names_what_it_gives(exported):
    run, file = lpt.load(GOLDEN / "run", device="cpu"), lpt.load(exported)
    own, other = run.predict(SEVEN)[0], file.predict(SEVEN)[0]
    assert (other.labels, other.matched) == (own.labels, own.matched)
    assert other.probabilities == pytest.approx(own.probabilities, abs=1e-5)
    model = onnx.load(exported)
    assert [v.name for v in model.graph.input] == ["pixel_values"]
    assert [v.name for v in model.graph.output] == ["logits", "probabilities", "matched"]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["class_names"]) == list(run.class_names)
    assert json.loads(metadata["preprocessing"])["size"] == 64
    assert json.loads(metadata["export"])["real_images"]


def test_an_exported_task_takes_other_class_frequencies(exported):
    prior = {"7": 1, "5": 99}
    run = lpt.load(GOLDEN / "run", device="cpu").with_prior(prior)
    file = lpt.load(exported)
    rare = file.with_prior(prior)
    assert rare.predict_proba(SEVEN) == pytest.approx(run.predict_proba(SEVEN), abs=1e-5)
    assert rare.predict(SEVEN)[0].labels == run.predict(SEVEN)[0].labels
    assert rare.onnx is file.onnx
    assert file.prior is None


def test_an_exported_task_says_what_it_lacks(exported):
    task = lpt.load(exported)
    with pytest.raises(ParameterError, match="no features"):
        task.embed(SEVEN)
    with pytest.raises(ConfigError, match="no model of torch"):
        _ = task.model
    with pytest.raises(ParameterError, match="holds its backbone"):
        lpt.load(exported, backbone="vit_tiny_patch8_64")
    with pytest.raises(ConfigError, match="is an export already"):
        export_task(exported, exported.with_name("again.onnx"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("opset", [17, 20])
def test_each_data_type_stays_within_its_tolerance(task, tmp_path, dtype, opset):
    made = checked_graph(task, noise(task), tmp_path / "t.onnx", dtype=dtype, opset=opset)
    assert made.parity.same_classes > 0.9
    assert made.parity.logit_error < {"float32": 1e-5, "float16": 5e-3, "int8": 0.1}[dtype]


@pytest.mark.parametrize(
    "changes",
    [
        {"init_values": 0.3, "reg_tokens": 2, "no_embed_class": True},
        {"qk_norm": True, "scale_attn_norm": True, "scale_mlp_norm": True},
        {"pre_norm": True, "qkv_bias": False, "proj_bias": False, "class_token": True},
        {"act_layer": "quick_gelu", "norm_layer": nn.LayerNorm},
        {"act_layer": "gelu_tanh", "dynamic_img_size": True},
        {"mlp_layer": SwiGLUPacked, "act_layer": nn.SiLU},
        {"mlp_layer": SwiGLU, "act_layer": nn.SiLU},
        {"global_pool": "avg"},
    ],
    ids=["registers", "norms", "no bias", "quick gelu", "tanh", "glu", "swiglu", "average"],
)
def test_every_variant_of_a_vit_gives_the_same_logits(task, tmp_path, changes):
    backbone = vit(**changes)
    backbone.spec = task.model.backbone.spec
    for parameter in backbone.parameters():  # scales and offsets that change something
        parameter.data += 0.1 * torch.randn_like(parameter)
    own = Task(model_for(backbone, task.spec), task.spec)
    made = checked_graph(own, noise(task, 9), tmp_path / "t.onnx", dtype="float32")
    assert made.parity.logit_error < 1e-5


def test_a_part_without_a_form_in_onnx_is_named(task, tmp_path):
    backbone = vit(act_layer=nn.Mish)
    backbone.spec = task.model.backbone.spec
    own = Task(model_for(backbone, task.spec), task.spec)
    with pytest.raises(BackboneError, match="Mish cannot be written to ONNX"):
        checked_graph(own, noise(task, 3), tmp_path / "t.onnx", dtype="float32")


@pytest.mark.parametrize(
    "kind", ["DINOv3", "EVA-02 base", "PE-Core", "attention pool (SigLIP)", "BEiT"]
)
def test_families_beyond_the_plain_vit_become_programs_of_torch(task, kind):
    backbone = FrozenViT(KINDS[kind]())
    backbone.spec = replace(task.model.backbone.spec, image_size=32)
    spec = spec_for(backbone)
    own = Task(model_for(backbone, spec), spec)
    parity, _ = checked_program(own, noise(own, 3))
    assert parity.logit_error < 1e-5


@pytest.mark.parametrize("top", [1, 3])
def test_any_number_of_matches_and_a_task_of_phase_1(task, tmp_path, top):
    backbone = task.model.backbone
    spec = spec_for(backbone, top_k=top)
    made = checked_graph(
        Task(model_for(backbone, spec), spec), noise(task), tmp_path / "t.onnx", dtype="float32"
    )
    assert made.parity.same_matches == 1
    first = spec_for(backbone, phases=1)
    made = checked_graph(
        Task(model_for(backbone, first), first), noise(task), tmp_path / "1.onnx", dtype="float32"
    )
    names = [v.name for v in onnx.ModelProto.FromString(made.content).graph.output]
    assert names == ["logits", "probabilities"]


@pytest.mark.parametrize("phases", [1, 2])
def test_adapters_are_part_of_every_form(task, tmp_path, phases):
    """Also in a backbone with layer scale, and as a program of torch."""
    for number, backbone in enumerate((task.model.backbone, vit(init_values=0.3))):
        backbone.spec = task.model.backbone.spec
        spec = spec_for(backbone, phases=phases, adapter_width=3)
        own = Task(model_for(backbone, spec), spec)
        path, images = tmp_path / f"{number}.onnx", noise(task, 5)
        made = checked_graph(own, images, path, dtype="float32")
        assert made.parity.logit_error < 1e-5
        path.write_bytes(made.content)
        assert lpt.load(path).spec.adapter_width == 3
        metadata = onnx.ModelProto.FromString(made.content).metadata_props
        assert {"lpt_export": "2"}.items() <= {e.key: e.value for e in metadata}.items()
    parity, _ = checked_program(own, images)
    assert parity.logit_error < 1e-5


def test_a_graph_matches_exactly_whatever_the_task_does(task, tmp_path):
    spec = spec_for(task.model.backbone, early=EARLY, match="early")
    own, path = Task(model_for(task.model.backbone, spec), spec), tmp_path / "task.onnx"
    path.write_bytes(checked_graph(own, noise(task, 5), path, dtype="float32").content)
    graph = lpt.load(path)
    assert (graph.match, graph.spec.match, graph.spec.early) == ("exact", "exact", None)
    assert graph.with_match("exact") is graph
    with pytest.raises(ParameterError, match=r"match early: the exported graph .* exactly"):
        graph.with_match("early")
    images = noise(task, 5).images
    wanted = own.with_match("exact").forward(images).logits
    torch.testing.assert_close(graph.forward(images).logits, wanted, atol=1e-5, rtol=0)


def test_a_graph_that_differs_is_not_written(tmp_path, monkeypatch):
    method_graph = write_graph.method_graph

    def wrong(model: object, inputs: object, **settings: object) -> onnx.ModelProto:
        graph = method_graph(model, inputs, **settings)
        for constant in graph.graph.initializer:
            if constant.name == "classifier":
                values = onnx.numpy_helper.to_array(constant)[::-1]
                constant.CopyFrom(onnx.numpy_helper.from_array(values.copy(), "classifier"))
        return graph

    monkeypatch.setattr(write_graph, "method_graph", wrong)
    with pytest.raises(LptError, match="differs from the task"):
        export_task(GOLDEN / "run", tmp_path / "wrong.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_torch_program_is_written_and_not_read_back(tmp_path):
    done = export_task(GOLDEN / "run", tmp_path / "digits.pt2", format="torch")
    assert done.parity.logit_error < 1e-5
    program = torch.export.load(done.path)
    for count in (1, 5):
        logits, probabilities, matched = program.module()(torch.zeros(count, 3, 64, 64))
        assert (len(logits), len(matched)) == (count, count)
        assert probabilities.sum(1).tolist() == pytest.approx([1] * count)
    with pytest.raises(TaskFileError, match="can run code when it is read"):
        lpt.load(done.path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"format": "tflite"}, "choose onnx or torch"),
        ({"dtype": "int4"}, "choose float32, float16 or int8"),
        ({"opset": 16}, "choose 17 to 23"),
        ({"format": "torch", "dtype": "int8"}, "takes neither"),
        ({"out": "task.bin"}, r"ends in \.onnx"),
    ],
)
def test_arguments_are_checked_before_anything_is_loaded(arguments, said):
    with pytest.raises(ParameterError, match=said):
        export_task("no/such/run", **arguments)


@pytest.mark.parametrize(
    ("run", "place"),
    [
        ("runs/birds.v2", ("runs", "birds")),  # no folder: a task file
        ("hf:ada/birds.v2", ("", "birds.v2")),
        ("hf:ada/birds@v1.0", ("", "birds")),
        ("hf:ada/birds@feature/x", ("", "birds")),
    ],
)
def test_an_export_is_named_after_its_run_or_repository(run, place):
    assert export_place(Path(run)) == (Path(place[0]), place[1])


def test_a_run_folder_keeps_its_exports_and_its_whole_name(tmp_path):
    (tmp_path / "birds.v2").mkdir()
    assert export_place(tmp_path / "birds.v2") == (tmp_path / "birds.v2" / "export", "birds.v2")


WITHOUT_ONNX = """
import sys
sys.modules["onnx"] = sys.modules["onnxruntime"] = None  # as if they were not installed
import lpt.export.torch_program
from lpt.errors import ConfigError
from lpt.export import export_shared, export_task
for call in (export_task, export_shared):
    try:
        call("no/such/run", "out.onnx")
    except ConfigError as error:
        print(error)
"""


def test_without_onnx_the_remedy_is_one_line_and_torch_programs_are_written():
    done = subprocess.run([sys.executable, "-c", WITHOUT_ONNX], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    assert all("pip install 'lpt[onnx]'" in line for line in lines)
