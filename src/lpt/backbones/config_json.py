"""The configuration beside weights: of timm, of Hugging Face transformers, or of OpenCLIP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lpt.backbones.catalog import CONFIG, canonical_name, unknown_backbone
from lpt.backbones.layouts.open_clip_config import OPEN_CLIP_CONFIG, read_open_clip
from lpt.backbones.spec import MAX_DEPTH, MAX_WIDTH
from lpt.errors import BackboneError
from lpt.files.json_files import read_json

__all__ = ["CONFIG", "Described", "read_description"]

_PREPROCESSOR = "preprocessor_config.json"
_MAX_BYTES = 2**20

_Size = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
_Sizes = _Size | tuple[_Size, _Size]
_Positive = Annotated[float, Field(gt=0, le=1000)]
_Kind = Annotated[str, Field(max_length=20)]


class _Arguments(BaseModel):
    """Arguments of timm's VisionTransformer that a config.json may set."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    img_size: _Sizes | None = None
    patch_size: _Sizes | None = None
    embed_dim: _Size | None = None
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] | None = None
    num_heads: _Size | None = None
    mlp_ratio: Annotated[float, Field(gt=0, le=64)] | None = None
    init_values: _Positive | None = None
    qkv_bias: bool | None = None
    qk_norm: bool | None = None
    proj_bias: bool | None = None
    pre_norm: bool | None = None
    final_norm: bool | None = None
    fc_norm: bool | None = None
    global_pool: _Kind | None = None
    class_token: bool | None = None
    no_embed_class: bool | None = None
    reg_tokens: Annotated[int, Field(ge=0, le=1024)] | None = None
    dynamic_img_size: bool | None = None


_IGNORED = frozenset({"num_classes", "in_chans", "drop_rate", "drop_path_rate"})

_Text = Annotated[str, Field(max_length=1000)]


class _Pixels(BaseModel):
    mean: Any = None
    std: Any = None
    interpolation: Any = None


class _TimmConfig(_Pixels):
    architecture: _Text
    model_args: dict[str, Any] | None = None
    pretrained_cfg: _Pixels | None = None


class _TransformersConfig(BaseModel):
    model_type: Any = None
    num_attention_heads: Annotated[int, Field(ge=1, le=MAX_WIDTH)] = 12
    hidden_act: _Kind | None = None
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] | None = None
    image_size: _Size | None = None
    rope_theta: _Positive | None = None
    vision_config: "_TransformersConfig | None" = None


class _Preprocessor(BaseModel):
    image_mean: Any = None
    image_std: Any = None
    resample: int | None = None


class _Either(BaseModel):
    architecture: Any = None
    model_type: Any = None


_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_CLIP_PIXELS = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
}


@dataclass(frozen=True)
class _ModelType:
    """Defaults of the configuration and the image processor of a type of model."""

    eps: float
    pixels: Mapping[str, Any]
    interpolation: str = "bicubic"
    activation: str = "gelu"


_DINOV2 = _ModelType(1e-6, _IMAGENET)
_SIGLIP = _ModelType(1e-6, {}, activation="gelu_pytorch_tanh")
_CLIP = _ModelType(1e-5, _CLIP_PIXELS, activation="quick_gelu")
_MODEL_TYPES = {
    "vit": _ModelType(1e-12, {}, "bilinear"),
    "deit": _ModelType(1e-12, _IMAGENET),
    "vit_mae": _ModelType(1e-12, _IMAGENET),
    "dinov2": _DINOV2,
    "dinov2_with_registers": _DINOV2,
    "dinov3_vit": _ModelType(1e-5, _IMAGENET, "bilinear"),
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "siglip": _SIGLIP,
    "siglip_vision_model": _SIGLIP,
}
_REMEDY = "So it is not a timm config.json, with `architecture`, nor that of a ViT of transformers."


@dataclass(frozen=True)
class Described:
    """What a config.json says about the weights beside it.

    Attributes:
        architecture: timm's name; None for transformers' models, which are inferred from shapes.
        model_arguments: arguments of the architecture, which override timm's.
        preprocessing: mean, std and interpolation, where they are stated.
        metadata: facts that shapes do not show, under the names of `lpt.backbones.infer`.
    """

    architecture: str | None
    model_arguments: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_description(path: Path) -> Described:
    """Read a config.json, and preprocessor_config.json beside it if transformers wrote it.

    Also reads an open_clip_config.json, by its name.

    Raises: BackboneError naming the file and the field that cannot be used.
    """
    if path.name == OPEN_CLIP_CONFIG:
        return _of_open_clip(path)
    either = _read(path, _Either)
    if either.architecture is None and either.model_type is not None:
        return _of_transformers(path)
    return _of_timm(path)


def _read(path: Path, schema: type[Any]) -> Any:
    return read_json(
        path, TypeAdapter(schema), remedy=_REMEDY, max_bytes=_MAX_BYTES, error=BackboneError
    )


def _of_timm(path: Path) -> Described:
    config = _read(path, _TimmConfig)
    architecture = canonical_name(config.architecture)
    if architecture is None:
        raise unknown_backbone(config.architecture)
    given = {k: v for k, v in (config.model_args or {}).items() if k not in _IGNORED}
    arguments = _arguments(path, given)
    pixels = config.pretrained_cfg or config
    stated = {key: getattr(pixels, key) for key in ("mean", "std", "interpolation")}
    return Described(architecture, arguments, {k: v for k, v in stated.items() if v})


def _arguments(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        # a list of two sizes is a pair in JSON
        pairs = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        _Arguments.model_validate(pairs)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        value = str(given.get(name))[:80]
        raise BackboneError(
            f"{path}: model_args {name} = {value} is not supported; remove or correct it."
        ) from error
    return dict(given)


def _of_transformers(path: Path) -> Described:
    config = _read(path, _TransformersConfig)
    kind = config.model_type if isinstance(config.model_type, str) else ""
    if kind not in _MODEL_TYPES:
        raise BackboneError(
            f"{path}: a model of Hugging Face transformers of type {kind[:40]!r}, "
            "which is not supported. Take timm's copy of these weights (`lpt backbones`)."
        )
    usual, tower = _MODEL_TYPES[kind], config.vision_config or config
    metadata = {
        "num_heads": str(tower.num_attention_heads),
        "layer_norm_eps": repr(tower.layer_norm_eps or usual.eps),
        "activation": tower.hidden_act or usual.activation,
    }
    if kind == "dinov3_vit":
        stated = {"image_size": tower.image_size, "rope_temperature": tower.rope_theta}
        metadata |= {key: str(value) for key, value in stated.items() if value is not None}
    pixels: dict[str, Any] = {**usual.pixels, "interpolation": usual.interpolation}
    beside = path.parent / _PREPROCESSOR
    if beside.exists():
        found = _read(beside, _Preprocessor)
        stated = {
            "mean": found.image_mean,
            "std": found.image_std,
            "interpolation": _RESAMPLE.get(found.resample) if found.resample else None,
        }
        pixels |= {k: v for k, v in stated.items() if v is not None}
    return Described(None, preprocessing=pixels, metadata=metadata)


def _of_open_clip(path: Path) -> Described:
    config = read_open_clip(path)
    model, tower = config.model_cfg, config.model_cfg.vision_cfg
    pixels: dict[str, Any] = {**_CLIP_PIXELS, "interpolation": "bicubic"}
    stated = config.preprocess_cfg
    pixels |= {key: value for key in pixels if (value := getattr(stated, key)) is not None}
    if tower.timm_model_name is not None:
        architecture = canonical_name(tower.timm_model_name)
        if architecture is None:
            raise unknown_backbone(tower.timm_model_name)
        return Described(architecture, {"img_size": tower.image_size}, pixels)
    tanh = tower.act_kwargs is not None and tower.act_kwargs.approximate == "tanh"
    metadata = {
        "num_heads": str(max(tower.width // tower.head_width, 1)),
        "layer_norm_eps": repr(tower.norm_kwargs.eps if tower.norm_kwargs else 1e-5),
        "activation": "quick_gelu" if model.quick_gelu else "gelu_tanh" if tanh else "gelu",
    }
    return Described(None, preprocessing=pixels, metadata=metadata)
