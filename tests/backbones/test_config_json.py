"""A config.json of timm or of transformers, and every other one refused in one or two lines."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.backbones.config_json import read_description
from lpt.errors import BackboneError


def described(folder: Path, config: object, preprocessor: object = None):
    (folder / "config.json").write_text(json.dumps(config))
    if preprocessor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return read_description(folder / "config.json")


def test_timms_config_gives_architecture_arguments_and_preprocessing(tmp_path: Path) -> None:
    config = {
        "architecture": "test_vit",
        "model_args": {"num_classes": 7, "depth": 3, "img_size": [64, 64]},
        "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "interpolation": "bilinear"},
    }
    found = described(tmp_path, config)
    assert found.architecture == "test_vit.r160_in1k"
    assert found.model_arguments == {"depth": 3, "img_size": [64, 64]}
    assert found.preprocessing == {"mean": [0.1, 0.2, 0.3], "interpolation": "bilinear"}


def test_transformers_config_gives_heads_eps_and_the_preprocessor_beside_it(tmp_path: Path) -> None:
    config = {"model_type": "dinov2", "num_attention_heads": 6, "layer_norm_eps": 1e-6}
    found = described(tmp_path, config)
    assert found.architecture is None
    assert found.metadata == {"num_heads": "6", "layer_norm_eps": "1e-06", "activation": "gelu"}
    assert found.preprocessing["std"] == [0.229, 0.224, 0.225]
    stated = {"image_mean": [0.1] * 3, "image_std": [0.2] * 3, "resample": 2}
    found = described(tmp_path, {"model_type": "vit"}, stated)
    assert found.metadata["num_heads"] == "12"
    assert found.preprocessing == {"mean": [0.1] * 3, "std": [0.2] * 3, "interpolation": "bilinear"}


def test_another_model_of_transformers_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"of type 'blip', which is not supported\. Take"):
        described(tmp_path, {"model_type": "blip"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
KEYS = st.sampled_from(["depth", "embed_dim", "img_size", "patch_size", "num_heads", "mlp_ratio",
                        "init_values", "qkv_bias", "global_pool", "reg_tokens"])  # fmt: skip


@given(
    config=st.fixed_dictionaries(
        {},
        optional={
            "architecture": st.just("test_vit") | JSON,
            "model_type": st.just("vit") | JSON,
            "model_args": st.dictionaries(KEYS, JSON, max_size=2) | JSON,
            "pretrained_cfg": JSON,
            "num_attention_heads": JSON,
            "hidden_act": JSON,
            "mean": JSON,
        },
    )
    | JSON
)
def test_any_config_is_read_or_refused(config: object, tmp_path_factory) -> None:
    lines = ""
    try:
        described(tmp_path_factory.getbasetemp(), config)
    except BackboneError as error:
        lines = str(error)
    assert len(lines.splitlines()) <= 2
