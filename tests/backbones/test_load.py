import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from safetensors.torch import load_file, save_file

from lpt.backbones import BACKBONES, BackboneSpec, FrozenViT, load_backbone, register_backbone
from lpt.backbones import names as sources
from lpt.backbones.catalog import EMBEDDED
from lpt.backbones.places import hub as hub_place
from lpt.backbones.towers.feature import Feature
from lpt.errors import BackboneError

TIMM = "test_vit.r160_in1k"  # 160 px, patch 16, width 64, 6 blocks; timm made it for tests


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch) -> Path:
    """An empty hub cache, and no network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))

    def unreachable(*_, **__):
        raise LocalEntryNotFoundError("no network in tests")

    monkeypatch.setattr(hub_place, "hf_hub_download", unreachable)
    return cache


def put_in_cache(cache: Path, repository: str, **files: bytes) -> None:
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    for name, content in files.items():
        path = folder / "snapshots" / "abc" / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def timm_weights(tmp_path) -> Path:
    """Weights of timm's test ViT as the hub would serve them, head included."""
    path = tmp_path / "test_vit.safetensors"
    torch.manual_seed(3)
    save_file(timm.create_model("test_vit").state_dict(), path)
    return path


def refused(name: str, *words: str, **settings: object) -> None:
    with pytest.raises(BackboneError) as failure:
        load_backbone(name, **settings)
    message = str(failure.value)
    assert message.count("\n") <= 1
    for word in words:
        assert word in message


# ------------------------------------------------------------------------------- bundled


def test_the_embedded_backbone_is_what_its_card_says():
    backbone = load_backbone(EMBEDDED.name)
    half = (0.5, 0.5, 0.5)
    assert backbone.spec == BackboneSpec(
        EMBEDDED.name, EMBEDDED.sha256, 192, 12, 3, 8, 64, 64, half, half, "bicubic", 1e-6
    )
    parameters = sum(p.numel() for p in backbone.model.parameters())
    assert round(parameters / 1e6, 1) == EMBEDDED.parameters
    card = sources._embedded_file().with_suffix(".md").read_text()
    assert EMBEDDED.sha256 in card


def test_weights_are_compact_on_request_and_the_hash_stays_that_of_the_file():
    backbone = load_backbone(EMBEDDED.name, weights="int8")
    assert backbone.weights == "int8"
    assert backbone.spec.sha256 == EMBEDDED.sha256
    assert load_backbone(EMBEDDED.name).weights == "float32"


def test_the_embedded_file_is_small_half_precision_and_without_a_head():
    path = sources._embedded_file()
    assert path.stat().st_size < 12_000_000
    tensors = load_file(path)
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert not any(name.startswith("head") for name in tensors)


def test_changed_embedded_weights_are_noticed(monkeypatch, tmp_path):
    path = tmp_path / "changed.safetensors"
    tensors = load_file(sources._embedded_file())
    tensors["norm.bias"][0] += 1
    save_file(tensors, path, {"num_heads": "3"})
    monkeypatch.setattr(sources, "_embedded_file", lambda: path)
    refused(EMBEDDED.name, EMBEDDED.sha256[:12], "Install lpt again")


def test_a_loaded_backbone_is_frozen_in_eval_mode_and_float32():
    backbone = load_backbone(EMBEDDED.name)
    assert not backbone.training
    assert not any(module.training for module in backbone.modules())
    assert not any(p.requires_grad for p in backbone.parameters())
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}


# ------------------------------------------------------------------------------ input size


def test_another_input_size_interpolates_positions_and_keeps_the_hash():
    native = load_backbone(EMBEDDED.name)
    larger = load_backbone(EMBEDDED.name, image_size=96)
    assert (larger.spec.image_size, larger.spec.num_patches) == (96, 144)
    assert larger.spec.sha256 == native.spec.sha256
    assert larger(torch.zeros(1, 3, 96, 96)).shape == (1, 192)
    assert not any(p.requires_grad for p in larger.parameters())


def test_interpolation_is_that_of_timm(timm_weights):
    ours = load_backbone(f"test_vit@{timm_weights}", image_size=96).model
    overlay = {"file": str(timm_weights)}
    theirs = timm.create_model(
        "test_vit", pretrained=True, pretrained_cfg_overlay=overlay, img_size=96
    )
    assert torch.equal(ours.pos_embed, theirs.pos_embed)


@pytest.mark.parametrize("size", [0, -64, 7, 65])
def test_an_input_size_that_the_patch_does_not_divide_is_refused(size):
    refused(EMBEDDED.name, f"image_size {size}", "patch size 8", "64" if size == 65 else "8 or 16",
            image_size=size)  # fmt: skip


def test_weights_of_another_size_than_their_architecture_define_the_native_size(
    timm_weights, tmp_path
):
    other = tmp_path / "other.safetensors"
    tensors = load_file(timm_weights)
    tensors["pos_embed"] = tensors["pos_embed"][:, : 7 * 7 + 1].clone()
    save_file(tensors, other)
    backbone = load_backbone(f"test_vit@{other}")
    assert backbone.spec.image_size == 7 * 16
    assert torch.equal(backbone.model.pos_embed, tensors["pos_embed"])


# ------------------------------------------------------------------------------ names of timm


def test_a_timm_name_takes_safetensors_from_the_hub_cache(hub, timm_weights):
    put_in_cache(hub, f"timm/{TIMM}", model__safetensors=timm_weights.read_bytes())
    backbone = load_backbone("test_vit")
    assert backbone.spec.name == TIMM
    reference = timm.create_model("test_vit", num_classes=0).eval()
    weights_without_head = {
        k: v for k, v in load_file(timm_weights).items() if not k.startswith("head")
    }
    reference.load_state_dict(weights_without_head)
    images = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    expected = reference.forward_features(images)[:, 0]
    torch.testing.assert_close(backbone(images), expected, atol=1e-5, rtol=0)


def test_a_repository_with_only_a_pickle_is_refused_without_opening_it(hub, monkeypatch):
    asked = []

    def download(_, file, **__):
        asked.append(file)
        raise EntryNotFoundError("404")

    monkeypatch.setattr(hub_place, "hf_hub_download", download)
    refused(TIMM, TIMM, "model.safetensors", "pickle")
    assert asked == ["model.safetensors"]


@pytest.mark.parametrize(
    "error", [LocalEntryNotFoundError("x"), RuntimeError("transport"), OSError()]
)
def test_out_of_reach_names_the_remedy_in_two_lines(monkeypatch, error):
    def download(*_, **__):
        raise error

    monkeypatch.setattr(hub_place, "hf_hub_download", download)
    refused(TIMM, TIMM, "cannot be reached", "TIMM_NAME@FILE.safetensors", EMBEDDED.name)
    refused("hf-hub:org/name", "hf-hub:org/name", "config.json", "cannot be reached")


def test_names_that_the_hub_cannot_have_are_refused():
    refused("hf-hub:a//b", "a//b", "Check the name")


def test_an_unknown_name_gets_close_matches():
    refused("vit_base_patch16_225", "vit_base_patch16_225", "vit_base_patch16_224")
    refused("vit_tiny_patch8_46", EMBEDDED.name)
    refused("zzzzzzzzzzzz", "zzzzzzzzzzzz", "lpt backbones")
    refused("", "lpt backbones")


def test_an_unknown_tag_gets_the_known_ones():
    refused("test_vit.nonsense", "test_vit.nonsense", TIMM)


def test_an_architecture_without_weights_says_so(monkeypatch):
    config = dataclasses.replace(timm.models.get_pretrained_cfg(TIMM), hf_hub_id=None)
    monkeypatch.setattr("timm.models.get_pretrained_cfg", lambda _: config)
    refused("test_vit", TIMM, "no safetensors")


@pytest.mark.parametrize(
    "name",
    ["test_vit_relpos", "test_convnext", "resnet10t"],
)
def test_unsupported_architectures_are_refused_before_any_download(name):
    refused(name, name, "Supported", "DINOv2")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "vit_small_patch16_18x2_224"])
def test_well_known_families_without_support_say_what_is_supported(name):
    refused(f"random:{name}", name, "Supported", "DINOv2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "feature", "patches"),
    [
        ("vit_base_patch16_siglip_224.v2_webli", Feature.ATTENTION, 196),
        ("vit_small_patch16_dinov3.lvd1689m", Feature.CLASS_TOKEN, 256),
        ("eva02_tiny_patch14_224.mim_in22k", Feature.MEAN, 256),
        ("eva02_base_patch16_clip_224.merged2b", Feature.CLASS_TOKEN, 196),
        ("beitv2_base_patch16_224.in1k_ft_in22k", Feature.MEAN, 196),
        ("vit_pe_core_tiny_patch16_384.fb", Feature.ATTENTION, 576),
    ],
)
def test_the_families_of_today_load_with_their_feature_and_preprocessing(name, feature, patches):
    with torch.device("meta"):
        backbone = FrozenViT(timm.create_model(name, num_classes=0))
    assert backbone.feature is feature
    assert backbone.model.patch_embed.num_patches == patches


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "patches"),
    [
        ("vit_tiny_patch16_224.augreg_in21k", 196),
        ("deit_tiny_distilled_patch16_224.fb_in1k", 196),
        ("deit3_small_patch16_224.fb_in22k_ft_in1k", 196),
        ("vit_small_patch14_reg4_dinov2.lvd142m", 1369),
        ("vit_base_patch16_clip_quickgelu_224.openai", 196),
    ],
)
def test_the_families_of_the_field_load_with_the_preprocessing_of_timm(name, patches):
    spec = load_backbone(f"random:{name}").spec
    config = timm.models.get_pretrained_cfg(name)
    assert spec.num_patches == patches
    assert (spec.mean, spec.std, spec.interpolation) == (
        config.mean,
        config.std,
        config.interpolation,
    )


# ------------------------------------------------------------------------------ files and folders


def test_a_folder_in_the_hubs_layout(tmp_path, timm_weights):
    folder = tmp_path / "backbone"
    folder.mkdir()
    shutil.copy(timm_weights, folder / "model.safetensors")
    config = {
        "architecture": "test_vit",
        "num_classes": 1000,
        "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    spec = load_backbone(str(folder)).spec
    assert (spec.name, spec.mean, spec.std) == (str(folder), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert spec.sha256 == load_backbone(f"test_vit@{timm_weights}").spec.sha256


def test_the_same_layout_on_the_hub(hub, timm_weights):
    config = json.dumps({"architecture": "test_vit", "model_args": {"num_classes": 7}}).encode()
    put_in_cache(hub, "me/mine", config__json=config, model__safetensors=timm_weights.read_bytes())
    spec = load_backbone("hf-hub:me/mine").spec
    assert spec.name == "hf-hub:me/mine"
    assert spec.sha256 == load_backbone(f"test_vit@{timm_weights}").spec.sha256


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", ["not a timm config.json"]),
        ("[]", ["not a timm config.json"]),
        ("{}", ["architecture"]),
        ('{"architecture": "vit_basee_patch16_224"}', ["vit_base_patch16_224"]),
        ('{"architecture": "test_vit", "model_args": {"checkpoint_path": "x.pth"}}',
         ["checkpoint_path", "not supported"]),
        ('{"architecture": "test_vit", "model_args": {"depth": 10000000}}', ["10000000"]),
        ('{"architecture": "test_vit", "model_args": {"depth": "many"}}', ["depth", "many"]),
        ('{"architecture": "test_vit", "model_args": {"img_size": [160, 96]}}', ["square"]),
        ('{"architecture": "test_vit", "mean": [1, 2]}', ["mean", "three numbers"]),
        ('{"architecture": "test_vit", "std": [1, 0, 1]}', ["std", "above 0"]),
        ('{"architecture": "test_vit", "interpolation": "random"}', ["interpolation", "bicubic"]),
    ],
)  # fmt: skip
def test_a_folder_with_an_impossible_config_is_refused(tmp_path, config, words):
    (tmp_path / "config.json").write_text(config)
    refused(f"random:{tmp_path}", *words)


def test_a_folder_without_config_or_weights_is_refused(tmp_path):
    refused(str(tmp_path), str(tmp_path), "config.json")
    (tmp_path / "config.json").write_text('{"architecture": "test_vit"}')
    refused(str(tmp_path), str(tmp_path / "model.safetensors"), "no such weights file")


def test_a_file_may_be_called_like_an_architecture(vit, write_vit, monkeypatch):
    path = write_vit(vit(), "vit_base_patch16_224.safetensors")
    monkeypatch.chdir(path.parent)
    assert load_backbone(path.name).width == 32


def test_metadata_of_a_file_names_architecture_preprocessing_and_eps(timm_weights):
    save_file(
        load_file(timm_weights),
        timm_weights,
        {
            "architecture": "test_vit",
            "mean": "[0.1, 0.2, 0.3]",
            "std": "1",
            "layer_norm_eps": "1e-4",
        },
    )
    spec = load_backbone(str(timm_weights)).spec
    assert (spec.heads, spec.mean, spec.std) == (2, (0.1, 0.2, 0.3), (1.0, 1.0, 1.0))
    assert spec.layer_norm_eps == 1e-4


def test_weights_for_another_architecture_are_refused(timm_weights, vit, write_vit):
    refused(f"vit_tiny_patch16_224@{timm_weights}", str(timm_weights), "(64, 3, 16, 16)")
    refused(f"test_vit@{write_vit(vit())}", "(32, 3, 8, 8)")
    refused(f"nothing_like_it@{timm_weights}", "nothing_like_it")


# ------------------------------------------------------------------------------ eps and randomness


def test_layer_norm_eps_is_the_models_own_or_the_one_given():
    assert load_backbone("random:test_vit").spec.layer_norm_eps == 1e-6
    backbone = load_backbone("random:test_vit", layer_norm_eps=1e-5)
    norms = [m for m in backbone.modules() if isinstance(m, torch.nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-5} == {backbone.spec.layer_norm_eps}
    assert len(norms) == 2 * 6 + 1


@pytest.mark.parametrize("eps", [0.0, -1e-6, 1.0, float("nan")])
def test_an_impossible_eps_is_refused(eps):
    refused("random:test_vit", "layer_norm_eps", layer_norm_eps=eps)


def test_random_weights_are_the_same_every_time_and_leave_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first = load_backbone("random:test_vit")
    assert torch.equal(torch.rand(3), expected)
    second = load_backbone("random:test_vit", image_size=96)
    assert first.spec.sha256 == second.spec.sha256
    assert first.spec.name == "random:test_vit"


def test_random_weights_of_the_embedded_architecture_are_not_its_weights():
    spec = load_backbone(f"random:{EMBEDDED.name}").spec
    assert (spec.width, spec.depth) == (192, 12)
    assert spec.sha256 != EMBEDDED.sha256


# ------------------------------------------------------------------------------ registered names


@pytest.fixture
def register():
    """Register a backbone as "mine" for one test."""

    def under_its_name(source, **about):
        register_backbone("mine", source, **about)

    yield under_its_name
    BACKBONES.unregister("mine")


def test_a_registered_file_loads_by_its_name(register, vit, write_vit):
    path = write_vit(vit())
    register(path)
    backbone = load_backbone("mine")
    assert backbone.spec.name == "mine"
    assert backbone.spec.sha256 == load_backbone(str(path)).spec.sha256
    assert load_backbone("mine", image_size=64).spec.num_patches == 64


def test_a_registered_function_loads_with_the_hash_of_its_weights(register, vit, write_vit):
    register(vit)
    backbone, same = load_backbone("mine"), load_backbone(str(write_vit(vit())))
    assert backbone.spec.sha256 == same.spec.sha256
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(backbone(images), same(images))
    assert not any(p.requires_grad for p in backbone.parameters())


def test_a_registered_name_wins_over_a_folder_of_that_name(register, vit, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    register(vit)
    assert load_backbone("mine").spec.name == "mine"


def fails():
    raise RuntimeError("no disk")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (fails, ["RuntimeError: no disk"]),
        (lambda: 3, ["returned int", "a ViT of timm"]),
        (lambda: torch.nn.Linear(2, 2), ["Supported"]),
    ],
)
def test_a_registered_function_that_makes_no_backbone_is_named(register, build, words):
    register(build)
    refused("mine", "mine", *words)


def test_a_registered_function_with_broken_weights_is_refused(register, vit):
    def broken():
        model = vit()
        model.norm.weight.data.fill_(float("nan"))
        return model

    register(broken)
    refused("mine", "mine", "norm.weight", "NaN or infinity")


def test_a_registered_function_has_no_random_weights(register, vit):
    register(vit)
    refused("random:mine", "random:mine", "registered function", "Load it as mine")
