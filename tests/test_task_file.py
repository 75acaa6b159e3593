"""A task file gives back the same logits, and nothing in it is trusted."""

import json
import math
import shutil
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lpt.backbones import FrozenViT, load_backbone
from lpt.backbones.catalog import EMBEDDED
from lpt.errors import BackboneError, TaskFileError
from lpt.files.made_here import ORIGIN, mark
from lpt.model.early_match import EarlyMatch
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task_file import (
    BackboneRecord,
    TaskSpec,
    file_metadata,
    load_task,
    read_spec,
    read_task,
    save_task,
)
from lpt.task_file import backbone_of as backbone_named_by
from lpt.task_records import EarlyRecord

from .tiny import backbone_of, write_backbone

Edit = Callable[..., Path]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> FrozenViT:
    return backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


def spec_for(backbone: FrozenViT, **changes: Any) -> TaskSpec:
    about = backbone.spec
    record = {name: getattr(about, name) for name in BackboneRecord.model_fields}
    settings = {
        "name": "birds",
        "class_names": ("ant", "bée", "大"),
        "class_counts": (30, 5, 1),
        "backbone": BackboneRecord(**record),
        "shared_blocks": 1,
        "prompt_length": 2,
        "pool_size": 4,
        "top_k": 2,
        "resize_rule": "squash",
        "resize": 18,
        "temperature": 0.07,
        "metrics": {"phase2": {"test": {"overall": 0.5, "few": None}}},
    }
    return TaskSpec(**{**settings, **changes})


def model_for(backbone: FrozenViT, spec: TaskSpec) -> LongTailedPromptModel:
    torch.manual_seed(1)
    model = LongTailedPromptModel(
        backbone,
        len(spec.class_names),
        spec.shape,
        phases=spec.phases,
        adapter_width=spec.adapter_width,
        reads_both=spec.reads_both,
    )
    if spec.early is not None:
        model.early = EarlyMatch(spec.pool_size, backbone.width)
        torch.nn.init.normal_(model.early.weight)
    if model.adapters is not None:
        for parameter in model.adapters.parameters():
            torch.nn.init.normal_(parameter)
    return model.eval()


@pytest.fixture(scope="module")
def file(backbone: FrozenViT, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = spec_for(backbone)
    path = tmp_path_factory.mktemp("task") / "task.safetensors"
    save_task(path, model_for(backbone, spec), spec)
    return path


@pytest.fixture
def edited(file: Path, tmp_path: Path) -> Edit:
    """The file with tensors, fields of the spec or metadata changed; None takes one away."""

    def edit(
        tensors: dict[str, torch.Tensor | None] | None = None,
        spec: dict[str, Any] | None = None,
        metadata: dict[str, str | None] | None = None,
    ) -> Path:
        with safe_open(file, framework="pt") as opened:
            kept = dict(opened.metadata())
        fields = {**json.loads(kept["spec"]), **(spec or {})}
        kept["spec"] = json.dumps({k: v for k, v in fields.items() if v is not None})
        own = {**kept, **(metadata or {})}
        arrays = {**load_file(file), **(tensors or {})}
        path = tmp_path / "edited.safetensors"
        save_file(
            {k: v for k, v in arrays.items() if v is not None},
            path,
            {k: v for k, v in own.items() if v is not None},
        )
        return path

    return edit


EARLY = EarlyRecord(margin=0.1, images=8, agreement=0.5, auto_agreement=1, auto_queries=0.6)
"""Of a task with early matching."""


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": 1},
        {"phases": 2},
        {"phases": 1, "adapter_width": 3},
        {"phases": 2, "adapter_width": 3},
        {"phases": 2, "classifier_passes": "both"},
        {"early": EARLY},
        {"early": EARLY, "match": "auto"},
    ],
)
def test_saved_and_loaded_it_gives_identical_logits(changes, backbone, tmp_path):
    spec = spec_for(backbone, **changes)
    model = model_for(backbone, spec)
    images = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    path = tmp_path / "task.safetensors"
    size = save_task(path, model, spec)
    loaded, read = load_task(path, backbone)
    assert read == spec == read_spec(path)
    assert size == path.stat().st_size
    assert not loaded.training
    margin = spec.early_margin(spec.match)
    with torch.no_grad():
        found = loaded.predict(images, margin)
        assert torch.equal(found.logits, model.predict(images, margin).logits)
    if spec.early is not None:
        assert torch.equal(loaded.early.weight, model.early.weight)


def test_a_task_without_early_matching_is_written_as_before(backbone):
    """Also for versions of lpt that know nothing of it."""
    plain = file_metadata(spec_for(backbone))
    assert plain["lpt_task"] == "2"
    assert not {"match", "early"} & json.loads(plain["spec"]).keys()
    assert file_metadata(spec_for(backbone, early=EARLY))["lpt_task"] == "3"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"match": "auto"}, "match is auto, but early is missing"),
        ({"match": "sometimes"}, "match"),
        ({"early": {**EARLY.model_dump(), "margin": -1}}, "margin"),
        ({"early": EARLY.model_dump(), "phases": 1}, "early needs two phases"),
        ({"early": EARLY.model_dump()}, "tensor early_bias is None"),
    ],
)
def test_early_matching_that_cannot_be_is_refused(changes, said, edited, backbone):
    with pytest.raises(TaskFileError, match=said) as caught:
        load_task(edited(spec=changes), backbone)
    assert len(str(caught.value).splitlines()) == 1


def test_a_map_that_its_metadata_does_not_name_is_refused(edited, backbone):
    path = edited(tensors={"early_bias": torch.zeros(4)})
    with pytest.raises(TaskFileError, match=r"tensor early_bias is .*requires None"):
        load_task(path, backbone)


def test_a_backbone_is_loaded_by_the_name_that_the_user_gives(file, backbone):
    model, _ = load_task(file, backbone.spec.name)
    assert model.backbone.spec == backbone.spec
    assert model.backbone is not backbone


def test_in_the_folder_of_its_run_it_finds_its_backbone_by_its_path(file, backbone, tmp_path):
    copy = Path(shutil.copy(file, tmp_path / "task.safetensors"))
    mark(tmp_path, {"backbone": "another"})
    with pytest.raises(BackboneError, match="which is a path, chosen by the file"):
        load_task(copy)
    mark(tmp_path, {"backbone": backbone.spec.name})
    assert load_task(copy)[0].backbone.spec == backbone.spec


@pytest.mark.parametrize(
    "name",
    [
        "hf-hub:someone/evil",
        "hf-hub:someone/evil@" + "0" * 40,
        "random:vit_gigantic_patch14_224",
        "random:hf-hub:someone/evil",
        "vit_base_patch16_224.augreg_in21k",
        "/proc/self/mem",
        "vit_tiny_patch16_224@/etc/hostname",
        "..",
    ],
)
def test_a_file_does_not_choose_what_is_fetched_opened_or_built(
    name, edited, backbone, tmp_path, monkeypatch
):
    """Neither a file nor the folder of a run, which may come from someone else as well."""

    def fetched(*_, **__):
        raise AssertionError("fetched or built")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("lpt.backbones.places.hub.hf_hub_download", fetched)
    monkeypatch.setattr("lpt.task_file.load_backbone", fetched)
    path = edited(spec={"backbone": {**spec_for(backbone).backbone.model_dump(), "name": name}})
    (path.parent / "identity.json").write_text(json.dumps({"backbone": backbone.spec.sha256}))
    (path.parent / ORIGIN).write_text(json.dumps({"marks": ["0" * 64]}))
    with pytest.raises(BackboneError, match=r"edited.safetensors: needs the backbone .*, which"):
        load_task(path)


def test_a_backbone_of_other_sizes_is_refused_before_it_is_built(file, monkeypatch):
    built = []
    monkeypatch.setattr("lpt.backbones.load.build_vit", lambda *_: built.append(1))
    for name in ("random:vit_gigantic_patch14_224", "random:test_vit"):
        with pytest.raises(BackboneError, match=r"has \d+ blocks of width \d+, but 3 of width 16"):
            load_task(file, name)
    assert not built


def test_a_task_of_phase_1_carries_no_pool(backbone, tmp_path):
    spec = spec_for(backbone, phases=1, pool_size=10_000_000)
    path = tmp_path / "task.safetensors"
    small = model_for(backbone, spec_for(backbone, phases=1))
    save_task(path, small, spec)
    assert load_file(path).keys() == {"shared_prompts", "classifier"}
    model, _ = load_task(path, backbone)
    assert model.pool.prompts.numel() < 1000


def test_it_holds_float32_and_two_entries_of_metadata(file):
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata().keys() == {"lpt_task", "spec"}
    shapes = {name: (t.dtype, tuple(t.shape)) for name, t in load_file(file).items()}
    assert shapes == {
        "shared_prompts": (torch.float32, (3, 2, 16)),
        "group_prompts": (torch.float32, (4, 2, 2, 16)),
        "keys": (torch.float32, (4, 16)),
        "classifier": (torch.float32, (3, 16)),
    }


def test_adapters_are_five_more_tensors_of_a_file_of_version_3(backbone, tmp_path):
    spec = spec_for(backbone, adapter_width=2)
    path = tmp_path / "task.safetensors"
    save_task(path, model_for(backbone, spec), spec)
    with safe_open(path, framework="pt") as opened:
        assert opened.metadata()["lpt_task"] == "3"
    sizes = {name: tuple(tensor.shape) for name, tensor in load_file(path).items()}
    assert {name: size for name, size in sizes.items() if name.startswith("adapter")} == {
        "adapter_down": (3, 16, 2),
        "adapter_down_bias": (3, 2),
        "adapter_up": (3, 2, 16),
        "adapter_up_bias": (3, 16),
        "adapter_scale": (3,),
    }


def test_a_file_without_adapters_is_one_of_version_2(file):
    """So that older versions of lpt read it: they refuse fields that they do not know."""
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    assert metadata["lpt_task"] == "2"
    assert "adapter" not in metadata["spec"]


def test_values_of_adapters_are_checked_like_all_others(backbone, tmp_path):
    spec = spec_for(backbone, adapter_width=2)
    for value, found in ((math.nan, "not finite"), (1e38, "beyond")):
        model = model_for(backbone, spec)
        with torch.no_grad():
            model.adapters.up[1, 1, 1] = value
        save_task(tmp_path / "task.safetensors", model, spec)
        with pytest.raises(TaskFileError, match=f"adapter_up holds values .*{found}"):
            load_task(tmp_path / "task.safetensors", backbone)


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "wrong shape": ({"tensors": {"keys": torch.zeros(5, 16)}}, "tensor keys"),
    "wrong width": ({"tensors": {"classifier": torch.zeros(3, 17)}}, "tensor classifier"),
    "tensor missing": ({"tensors": {"keys": None}}, "tensor keys is None"),
    "tensor too many": ({"tensors": {"x": torch.zeros(1)}}, "tensor x"),
    "whole numbers": ({"tensors": {"keys": torch.zeros(4, 16, dtype=torch.int32)}}, "I32"),
    "half precision": ({"tensors": {"keys": torch.zeros(4, 16).half()}}, "F16"),
    "nan": ({"tensors": {"keys": torch.full((4, 16), math.nan)}}, "keys holds values .* not fin"),
    "infinite": ({"tensors": {"keys": torch.full((4, 16), math.inf)}}, "keys holds values"),
    "huge pool": ({"spec": {"pool_size": 10_000_000}}, "tensor group_prompts"),
    "huge prompt": ({"spec": {"prompt_length": 10_000_000}}, "tensor group_prompts"),
    "beyond any size": ({"spec": {"pool_size": 10**30}}, "pool_size"),
    "top above pool": ({"spec": {"top_k": 5}}, "prompts.top_k=5"),
    "K above depth": ({"spec": {"shared_blocks": 3}}, "prompts.shared_blocks=3"),
    "pool without prompts": ({"spec": {"phases": 1}}, "tensor group_prompts"),
    "no classes": ({"spec": {"class_names": [], "class_counts": []}}, "class_names"),
    "counts missing": ({"spec": {"class_counts": [1]}}, "3 .*names.* 1 counts"),
    "negative count": ({"spec": {"class_counts": [1, 2, -3]}}, "class_counts.2"),
    "huge resize": ({"spec": {"resize": 10**6}}, "resize"),
    "no temperature": ({"spec": {"temperature": 0}}, "temperature"),
    "temperature of nothing": ({"spec": {"temperature": 5e-324}}, "temperature"),
    "prompts that overflow": ({"tensors": {"keys": torch.full((4, 16), 1e38)}}, "keys .* beyond"),
    "name of ten thousand letters": ({"spec": {"name": "x" * 10**5}}, "name"),
    "unknown field": ({"spec": {"run_me": "rm -rf"}}, "run_me"),
    "field missing": ({"spec": {"resize": None}}, "resize"),
    "metrics that are none": ({"spec": {"metrics": {"phase2": {"test": "x"}}}}, "metrics"),
    "future version": ({"metadata": {"lpt_task": "4"}}, "format 4; .* reads up to 3. Upgrade"),
    "adapters without tensors": ({"spec": {"adapter_width": 2}}, "tensor adapter_down is None"),
    "both passes, matched early": (
        {"spec": {"classifier_passes": "both", "early": EARLY.model_dump()}},
        "no query",
    ),
    "huge adapters": ({"spec": {"adapter_width": 10**6}}, "adapter_width"),
    "adapters without width": ({"tensors": {"adapter_scale": torch.ones(3)}}, "adapter_scale"),
    "no version": ({"metadata": {"lpt_task": "new"}}, "damaged metadata"),
    "version of many digits": ({"metadata": {"lpt_task": "9" * 5000}}, "damaged metadata"),
    "no spec": ({"metadata": {"spec": None}}, "damaged metadata"),
    "spec no JSON": ({"metadata": {"spec": "{"}}, "damaged metadata"),
    "deep JSON": ({"metadata": {"spec": "[" * 100_000}}, "damaged metadata"),
    "another kind of file": ({"metadata": {"lpt_task": None}}, "not a task file of lpt"),
}


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [1e308, 0, 0]},
        {"std": [1e-45, 1, 1]},
        {"image_size": 4096 + 8},
        {"layer_norm_eps": 1},
        {"name": ""},
    ],
)
def test_preprocessing_that_overflows_is_refused(change, edited, backbone):
    record = {**spec_for(backbone).backbone.model_dump(), **change}
    with pytest.raises(TaskFileError, match=f"backbone.{next(iter(change))}"):
        load_task(edited(spec={"backbone": record}), backbone)


def test_an_image_size_is_bounded_by_that_of_the_backbone(edited, backbone):
    record = {**spec_for(backbone).backbone.model_dump(), "image_size": 128}
    with pytest.raises(BackboneError, match=r"image_size 128: .* trained at 16 .* choose 64 or"):
        load_task(edited(spec={"backbone": record}), backbone.spec.name)


def test_a_model_is_saved_to_the_same_bytes_each_time(file, backbone, tmp_path):
    spec = spec_for(backbone)
    for _ in range(5):
        save_task(tmp_path / "again.safetensors", model_for(backbone, spec), spec)
        assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def header_of(tensors: int, classes: int) -> bytes:
    """A file whose header has many tensors, or whose metadata has many classes."""
    entry = '"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    names = json.dumps({"class_names": ["c"] * classes, "class_counts": [1] * classes})
    metadata = json.dumps({"lpt_task": "1", "spec": names})
    parts = [f'"__metadata__":{metadata}', *(entry % i for i in range(tensors))]
    header = ("{" + ",".join(parts) + "}").encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    ("tensors", "classes"), [(10**6, 1), (10**5, 1), (1, 10**6), (1, 10**5 + 1)]
)
def test_a_file_of_a_million_entries_is_refused_at_once(tensors, classes, tmp_path):
    path = tmp_path / "task.safetensors"
    path.write_bytes(header_of(tensors, classes))
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(TaskFileError, match=r"header|tensors|class_names"):
        read_spec(path)
    assert time.process_time() - began < 2
    assert tracemalloc.get_traced_memory()[1] < max(3 * path.stat().st_size, 2**25)
    tracemalloc.stop()


def test_a_file_cut_off_while_it_is_read_ends_nothing(tmp_path, backbone):
    many = {"class_names": tuple(map(str, range(500))), "class_counts": (1,) * 500}
    spec, path = spec_for(backbone, **many), tmp_path / "task.safetensors"
    save_task(path, model_for(backbone, spec), spec)  # more than is read ahead of the tensors

    def cut(spec, sizes):
        path.write_bytes(b"")
        return backbone

    with pytest.raises(TaskFileError, match="something changed it while it was read"):
        read_task(path, cut)


def test_bytes_that_were_read_already_are_checked_like_the_file(file, tmp_path, backbone):
    data = file.read_bytes()
    label = Path("birds")  # names no file
    _, spec, tensors = read_task(label, lambda spec, sizes: backbone, data)
    assert spec == read_spec(file) == read_spec(label, data)
    assert {name: value.tolist() for name, value in tensors.items()} == {
        name: value.tolist() for name, value in load_file(file).items()
    }
    with pytest.raises(TaskFileError, match=r"^birds: not a readable"):
        read_task(label, lambda spec, sizes: backbone, data[:-1])


def test_the_backbone_of_a_file_is_loaded_at_the_size_of_its_weights(tmp_path):
    resized = load_backbone(EMBEDDED.name, image_size=32)
    spec = spec_for(resized)
    path = tmp_path / "task.safetensors"
    save_task(path, model_for(resized, spec), spec)
    assert read_spec(path).backbone.image_size == 32
    assert backbone_named_by(path).spec == load_backbone(EMBEDDED.name).spec


@pytest.mark.parametrize("case", HOSTILE)
def test_what_contradicts_itself_is_refused_in_one_line(case, edited, backbone):
    changes, said = HOSTILE[case]
    path = edited(**changes)
    with pytest.raises(TaskFileError, match=f"edited.safetensors: .*{said}") as caught:
        load_task(path, backbone)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


def test_another_backbone_is_refused_and_both_are_named(file, tmp_path):
    other = backbone_of(write_backbone(tmp_path / "other.safetensors", seed=9))
    with pytest.raises(TaskFileError, match=r"made for backbone .*vit.safetensors .*other"):
        load_task(file, other)


def test_the_right_backbone_at_another_setting_is_refused(backbone, file):
    for setting, value in (("image_size", 32), ("layer_norm_eps", 1e-4)):
        other = load_backbone(backbone.spec.name, **{setting: value})
        with pytest.raises(TaskFileError, match=f"made for {setting} .* Load it with {setting}="):
            load_task(file, other)


def test_a_backbone_that_is_gone_is_named(edited, backbone):
    record = backbone.spec
    gone = {**spec_for(backbone).backbone.model_dump(), "name": "/no/such/vit.safetensors"}
    path = edited(spec={"backbone": gone})
    with pytest.raises(BackboneError, match=r"/no/such/vit\.safetensors: no such weights file"):
        load_task(path, "/no/such/vit.safetensors")
    assert load_task(path, backbone)[0].backbone.spec == record


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path, tmp_path / "none.safetensors"):
        with pytest.raises(TaskFileError, match=r"no such file\. Give a task file, or the folder"):
            read_spec(path)


def test_a_pickle_is_not_read(tmp_path):
    path = tmp_path / "task.safetensors"
    torch.save({"keys": torch.zeros(2)}, path)
    with pytest.raises(TaskFileError, match="not a readable safetensors file"):
        read_spec(path)


def refused_or_read(path: Path, backbone: FrozenViT) -> bool:
    try:
        model, _ = load_task(path, backbone)
    except TaskFileError:
        return False
    return all(bool(p.isfinite().all()) for p in model.parameters())


@settings(max_examples=200)
@given(data=st.data())
def test_no_damage_to_the_bytes_gives_another_error(data, file, backbone, tmp_path_factory):
    """Bytes changed, cut out or put in, mostly in the header."""
    whole = file.read_bytes()
    at = data.draw(st.integers(0, 1400) | st.integers(0, len(whole) - 1))
    cut = data.draw(st.integers(0, 8) | st.integers(0, len(whole)))
    put = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    path.write_bytes(whole[:at] + put + whole[at + cut :])
    refused_or_read(path, backbone)


@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data, backbone, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(data)
    assert not refused_or_read(path, backbone)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(field=st.sampled_from(sorted(TaskSpec.model_fields)), value=JSON)
def test_no_value_of_a_field_gives_another_error(field, value, file, backbone, tmp_path_factory):
    fields = {**spec_for(backbone).model_dump(mode="json"), field: value}
    path = tmp_path_factory.getbasetemp() / "field.safetensors"
    save_file(load_file(file), path, {"lpt_task": "1", "spec": json.dumps(fields)})
    refused_or_read(path, backbone)
