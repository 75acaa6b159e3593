"""The text tower of a model of OpenCLIP, and the projection of its images to the joint space."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lpt.backbones.layouts.open_clip_config import ModelSettings, read_open_clip
from lpt.backbones.layouts.open_clip_names import PATCHES
from lpt.backbones.text.prompt_templates import filled
from lpt.backbones.text.text_source import TextSource
from lpt.backbones.vit import FrozenViT
from lpt.backbones.weight_file import read_tensors
from lpt.errors import BackboneError
from lpt.machine.own_generator import OwnGenerator

__all__ = ["ImageProjection", "TextTower", "check_text_packages"]

_BATCH = 256
"""Prompts that are encoded at once."""
_OF_TEXT = (
    "text_projection",
    "positional_embedding",
    "token_embedding.",
    "transformer.",
    "ln_final.",
    "cls_emb",
)
_NOT_OF_TOWER = {"hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs", "output_tokens"}
_PROJECTIONS = ("visual.head.proj", "visual.trunk.head")
"""Linear layers from image features to the joint space."""
_SAME = 0.01
"""Largest difference between patch projections of the same image tower: weights may be float16."""


class ImageProjection(NamedTuple):
    """The linear map from image features (D) to the joint space (E).

    Attributes:
        weight: (D, E).
        bias: (E,); None for no bias.
    """

    weight: Float[Tensor, "D E"]
    bias: Float[Tensor, " E"] | None


def check_text_packages() -> None:
    """Check that OpenCLIP is installed. Raises: BackboneError."""
    if find_spec("open_clip") is None:
        raise BackboneError(
            "classifier.init text: needs OpenCLIP, which is not installed. "
            "Run: pip install 'lpt[text]'"
        )


class TextTower:
    """A text tower with its tokeniser, frozen, in eval mode and float32.

    Args:
        source: its files, which are fetched if needed.
        device: where prompts are encoded.

    Attributes:
        projection: of the image tower of the same model; None if images are in the joint space.
        width: E, of the joint space.
    Raises: BackboneError if a package is missing, or a file is missing, damaged or not supported.
    """

    def __init__(self, source: TextSource, device: torch.device | str = "cpu") -> None:
        check_text_packages()
        self.source, self.device = source, torch.device(device)
        settings = read_open_clip(source.config).model_cfg
        tensors = read_tensors(source.weights, _is_read)
        self.width = settings.embed_dim
        self.projection = _projection(source, settings, tensors)
        self._patches = next((tensors[name] for name in PATCHES if name in tensors), None)
        self._tokenize = _tokenizer(source, settings)
        self._model = _model(source, settings, tensors).to(self.device)

    def check_image_tower(self, backbone: FrozenViT) -> None:
        """Check that a backbone is the image tower of the same model.

        Raises: BackboneError if it has other patches or another width.
        """
        own, theirs = backbone.model.patch_embed.proj.weight.detach().cpu(), self._patches
        width = self.width if self.projection is None else self.projection.weight.shape[0]
        if (
            width != backbone.width
            or theirs is None
            or theirs.shape != own.shape
            or not (theirs - own).abs().max() <= _SAME * own.abs().max()
        ):
            raise BackboneError(
                f"{self.source.name}: its image tower is not {backbone.spec.name}, so its text "
                "features lie in another space. Set text.source to the model of this backbone."
            )

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "n E"]:
        """Encode prompts as vectors of unit length, on the CPU.

        A prompt that is longer than the tower's context loses its end.
        """
        tokens = self._tokenize(list(prompts))
        if int(tokens.max()) >= self._model.vocab_size:
            raise BackboneError(
                f"{self.source.name}: its tokeniser has more words than its text tower."
            )
        features: Tensor = self._model.encode_text(tokens.to(self.device), normalize=True)
        return features.float().cpu()

    def class_features(
        self,
        names: Sequence[str],
        templates: Sequence[str],
        progress: Callable[[int, int], None],
    ) -> Float[Tensor, "C E"]:
        """Encode each class as the mean of its prompts, all of unit length.

        Args:
            names: (C,) readable names.
            templates: with braces for the name.
            progress: receives the prompts encoded so far, and their number.
        Source: prompt ensembling of CLIP (Radford et al., ICML 2021, section 3.1.4).
        """
        prompts = [filled(template, name) for name in names for template in templates]
        parts = []
        for first in range(0, len(prompts), _BATCH):
            parts.append(self.encode(prompts[first : first + _BATCH]))
            progress(first + len(parts[-1]), len(prompts))
        by_class = torch.cat(parts).view(len(names), len(templates), -1)
        return F.normalize(by_class.mean(1), dim=1)


def _is_read(name: str) -> bool:
    """Whether a tensor is needed; those of the image tower's blocks are not."""
    return not name.startswith("visual.") or name.startswith(
        (*PATCHES, "visual.proj", *_PROJECTIONS)
    )


def _model(source: TextSource, settings: ModelSettings, tensors: dict[str, Tensor]) -> Any:
    """Build the model with an image tower of no use, and load the text tower."""
    import open_clip

    text = settings.text_cfg.model_dump(exclude_unset=True, exclude=_NOT_OF_TOWER)
    no_images = {"layers": 1, "width": 64, "patch_size": 1, "image_size": 1}
    arguments = (settings.embed_dim, no_images, text, settings.quick_gelu)
    found = _text_tensors(tensors)
    try:
        with torch.device("meta"):
            expected = open_clip.CustomTextCLIP(*arguments).text.state_dict()
        _check_shapes(source, expected, found)
        with OwnGenerator(0):
            model = open_clip.CustomTextCLIP(*arguments)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise BackboneError(
            f"{source.config}: OpenCLIP cannot build its text tower ({error}). Correct text_cfg."
        ) from error
    model.text.load_state_dict(found)
    return model.eval().requires_grad_(False)


def _text_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the text tower, without the prefix that newer models have."""
    if any(name.startswith("text.") for name in tensors):
        own = {n.removeprefix("text."): t for n, t in tensors.items() if n.startswith("text.")}
    else:
        own = {n: t for n, t in tensors.items() if n.startswith(_OF_TEXT)}
    return {name: tensor for name, tensor in own.items() if name != "attn_mask"}


def _check_shapes(
    source: TextSource, expected: dict[str, Tensor], found: dict[str, Tensor]
) -> None:
    differ = sorted(expected.keys() ^ found.keys())
    differ += [n for n in expected if n in found and expected[n].shape != found[n].shape]
    if differ:
        raise BackboneError(
            f"{source.weights}: text tower: {differ[0]} does not fit {source.config.name}. "
            "Obtain both files from the same place."
        )
    for name, tensor in found.items():
        if not torch.isfinite(tensor).all():
            raise BackboneError(
                f"{source.weights}: {name} contains NaN or infinity. Download it again."
            )


def _projection(
    source: TextSource, settings: ModelSettings, tensors: dict[str, Tensor]
) -> ImageProjection | None:
    if "visual.proj" in tensors:
        found = ImageProjection(tensors["visual.proj"], None)
    else:
        name = next((n for n in _PROJECTIONS if f"{n}.weight" in tensors), None)
        if name is None:
            return None
        weight, bias = tensors[f"{name}.weight"], tensors.get(f"{name}.bias")
        found = ImageProjection(weight.T.contiguous() if weight.dim() == 2 else weight, bias)
    weight, bias = found
    if weight.dim() != 2 or weight.shape[1] != settings.embed_dim:
        raise BackboneError(
            f"{source.weights}: the projection of its images has the shape {tuple(weight.shape)}, "
            f"but its joint space has {settings.embed_dim} dimensions. Obtain it again."
        )
    if bias is not None and bias.shape != weight.shape[1:]:
        raise BackboneError(f"{source.weights}: a bias does not fit. Obtain it again.")
    return found


def _tokenizer(source: TextSource, settings: ModelSettings) -> Callable[[list[str]], Tensor]:
    import open_clip.tokenizer

    text = settings.text_cfg
    options = text.tokenizer_kwargs.model_dump(exclude_none=True) if text.tokenizer_kwargs else {}
    made: Callable[[list[str]], Tensor]
    if text.hf_tokenizer_name is None:
        options.pop("strip_sep_token", None)
        made = open_clip.tokenizer.SimpleTokenizer(context_length=text.context_length, **options)
        return made
    if find_spec("transformers") is None:
        raise BackboneError(
            f"{source.name}: its tokeniser needs transformers, which is not installed. "
            "Run: pip install transformers sentencepiece"
        )
    name = text.hf_tokenizer_name if source.tokenizer is None else str(source.tokenizer)
    try:
        made = open_clip.tokenizer.HFTokenizer(
            name,
            context_length=text.context_length,
            tokenizer_mode=text.tokenizer_mode,
            trust_remote_code=False,
            **options,
        )
    except Exception as error:  # of any package that reads a tokeniser
        raise BackboneError(
            f"{name}: its tokeniser cannot be read ({type(error).__name__}). "
            "Put the files of the tokeniser beside open_clip_config.json."
        ) from error
    return made
