"""The open_clip_config.json beside the weights of a model with an image and a text tower.

Fields that are not listed here are refused: they change what a tower computes, or name code.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lpt.errors import BackboneError
from lpt.files.json_files import read_json

__all__ = [
    "OPEN_CLIP_CONFIG",
    "OPEN_CLIP_WEIGHTS",
    "ImageSettings",
    "ModelSettings",
    "OpenClipConfig",
    "TextSettings",
    "read_open_clip",
]

OPEN_CLIP_CONFIG = "open_clip_config.json"
OPEN_CLIP_WEIGHTS = "open_clip_model.safetensors"

_MAX_BYTES = 2**20
_REMEDY = "It is not the configuration of a CLIP or SigLIP of OpenCLIP that can be read here."

_Size = Annotated[int, Field(ge=1, le=8192)]
_Ratio = Annotated[float, Field(gt=0, le=64)]
_Token = Annotated[int, Field(ge=0, le=2**22)]
_Text = Annotated[str, Field(max_length=200)]
_Clean = Literal["lower", "whitespace", "canonicalize"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Norm(_Part):
    eps: Annotated[float, Field(gt=0, lt=1)] = 1e-5


class _Activation(_Part):
    approximate: Literal["none", "tanh"] = "none"


class _Tokenizer(_Part):
    clean: _Clean | None = None
    strip_sep_token: bool | None = None


class _Tower(_Part):
    width: _Size = 768
    layers: Annotated[int, Field(ge=1, le=256)] = 12
    mlp_ratio: _Ratio = 4.0
    ls_init_value: Annotated[float, Field(gt=0, le=1000)] | None = None
    output_tokens: bool = False
    act_kwargs: _Activation | None = None
    norm_kwargs: _Norm | None = None


class ImageSettings(_Tower):
    """The image tower.

    Attributes:
        timm_model_name: of the architecture, if the tower is a model of timm.
        timm_pool: how that model makes one vector of its tokens.
        timm_proj: whether the projection to the joint space is a layer behind that model; None
            where the model has it as its head.
    """

    image_size: _Size | tuple[_Size, _Size] = 224
    patch_size: _Size = 16
    head_width: _Size = 64
    patch_dropout: float = 0.0
    no_ln_pre: bool = False
    attentional_pool: Literal[False] = False
    attn_pooler_queries: int = 256
    attn_pooler_heads: int = 8
    pool_type: Literal["tok"] = "tok"
    pos_embed_type: Literal["learnable"] = "learnable"
    final_ln_after_pool: Literal[False] = False
    timm_model_name: _Text | None = None
    timm_model_pretrained: bool = False
    timm_pool: Literal["token", "map"] = "token"
    timm_proj: Literal["linear", "none", ""] | None = "linear"
    timm_proj_bias: bool = False
    timm_drop: float = 0.0
    timm_drop_path: float | None = None


class TextSettings(_Tower):
    """The text tower and its tokeniser.

    Attributes:
        hf_tokenizer_name: repository of a tokeniser of Hugging Face; None for that of CLIP.
        tokenizer_kwargs: how texts are cleaned before.
    """

    context_length: Annotated[int, Field(ge=1, le=4096)] = 77
    vocab_size: Annotated[int, Field(ge=1, le=2**22)] = 49408
    hf_tokenizer_name: _Text | None = None
    tokenizer_mode: Literal["clips"] | None = None
    tokenizer_kwargs: _Tokenizer | None = None
    width: _Size = 512
    heads: _Size = 8
    embed_cls: bool = False
    pad_id: _Token = 0
    eos_id: _Token = 2
    no_causal_mask: bool = False
    final_ln_after_pool: bool = False
    pool_type: Literal["first", "last", "argmax", "eos"] = "argmax"
    proj_bias: bool = False
    proj_type: Literal["linear", "none"] = "linear"


class ModelSettings(_Part):
    """Both towers, and the width of their joint space."""

    embed_dim: _Size
    quick_gelu: bool = False
    custom_text: bool = False
    init_logit_scale: float | None = None
    init_logit_bias: float | None = None
    nonscalar_logit_scale: bool = False
    vision_cfg: ImageSettings
    text_cfg: TextSettings


class _Pixels(BaseModel):
    mean: Any = None
    std: Any = None
    interpolation: Any = None


class OpenClipConfig(BaseModel):
    """The content of the file.

    Attributes:
        preprocess_cfg: mean, std and interpolation of images.
    """

    model_cfg: ModelSettings
    preprocess_cfg: _Pixels = _Pixels()


_SCHEMA = TypeAdapter(OpenClipConfig)


def read_open_clip(path: Path) -> OpenClipConfig:
    """Read an open_clip_config.json.

    Raises: BackboneError naming the file and the field that cannot be used.
    """
    return read_json(path, _SCHEMA, remedy=_REMEDY, max_bytes=_MAX_BYTES, error=BackboneError)
