"""The text tower of OpenCLIP, read from a folder."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from lpt.backbones import load_backbone
from lpt.backbones.text.text_source import find_text
from lpt.backbones.text.text_tower import TextTower, check_text_packages
from lpt.errors import BackboneError

from .tiny_clip import JOINT, TEXTS, open_clip, save, tiny_clip

PROMPTS = ["a photo of a cat.", "a photo of a very small dog in the rain.", "owl"]


def tower(folder: Path) -> TextTower:
    return TextTower(find_text(str(folder)))


@pytest.mark.parametrize("custom", [False, True], ids=["CLIP", "CustomTextCLIP"])
@pytest.mark.parametrize("quick_gelu", [False, True])
def test_prompts_have_the_features_of_open_clip(
    custom: bool, quick_gelu: bool, tmp_path: Path
) -> None:
    model = tiny_clip(custom=custom, quick_gelu=quick_gelu)
    save(model, tmp_path, custom_text=custom, quick_gelu=quick_gelu)
    before = torch.random.get_rng_state()
    found = tower(tmp_path).encode(PROMPTS)
    assert torch.equal(torch.random.get_rng_state(), before)
    tokens = open_clip.SimpleTokenizer(context_length=TEXTS["context_length"])(PROMPTS)
    with torch.no_grad():
        expected = model.encode_text(tokens, normalize=True)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_a_class_is_the_mean_of_its_prompts_all_of_unit_length(tmp_path: Path) -> None:
    own = tower(save(tiny_clip(), tmp_path))
    steps = []
    found = own.class_features(
        ["cat", "owl"], ["a {}.", "{} at night"], lambda *done: steps.append(done)
    )
    single = own.encode(["a cat.", "cat at night", "a owl.", "owl at night"])
    expected = F.normalize(single.view(2, 2, JOINT).mean(1), dim=1)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert steps == [(4, 4)]


def test_the_projection_of_images_is_that_of_the_model(tmp_path: Path) -> None:
    model = tiny_clip()
    own = tower(save(model, tmp_path))
    assert own.projection is not None
    assert torch.equal(own.projection.weight, model.visual.proj)
    assert own.projection.bias is None


def test_the_image_tower_must_be_the_backbone(tmp_path: Path) -> None:
    own = tower(save(tiny_clip(), tmp_path / "one"))
    own.check_image_tower(load_backbone(str(tmp_path / "one")))
    other = tiny_clip()
    with torch.no_grad():
        other.visual.conv1.weight.mul_(1.1)
    save(other, tmp_path / "other")
    with pytest.raises(BackboneError, match="its image tower is not"):
        own.check_image_tower(load_backbone(str(tmp_path / "other")))
    with pytest.raises(BackboneError, match=r"Set text\.source"):
        own.check_image_tower(load_backbone("vit_tiny_patch8_64"))


def change(folder: Path, part: str, **fields: Any) -> None:
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    content["model_cfg"][part].update(fields)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tokenizer_kwargs": {"trust_remote_code": True}}, "trust_remote_code"),
        ({"tokenizer_kwargs": {"bpe_path": "/etc/passwd"}}, "bpe_path"),
        ({"hf_model_name": "someone/roberta"}, "hf_model_name"),
        ({"vocab_size": 10**12}, "vocab_size"),
        ({"layers": 10**6}, "layers"),
        ({"layers": 2}, "does not fit open_clip_config.json"),
        ({"width": 48}, "does not fit open_clip_config.json"),
        ({"heads": 5}, "cannot build its text tower"),
    ],
    ids=str,
)
def test_a_configuration_that_names_code_or_other_sizes_is_refused(
    fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    save(tiny_clip(), tmp_path)
    change(tmp_path, "text_cfg", **fields)
    with pytest.raises(BackboneError, match=message):
        tower(tmp_path)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    save(tiny_clip(), tmp_path)
    file = tmp_path / "open_clip_model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "ln_final.weight": tensors["ln_final.weight"] * torch.nan}, file)
    with pytest.raises(BackboneError, match=r"ln_final\.weight contains NaN"):
        tower(tmp_path)
    save_file({**tensors, "visual.proj": tensors["visual.proj"][:, :3].contiguous()}, file)
    with pytest.raises(BackboneError, match="joint space has 12 dimensions"):
        tower(tmp_path)
    file.unlink()
    with pytest.raises(BackboneError, match="no such weights file"):
        tower(tmp_path)


def test_a_tokeniser_with_more_words_than_the_tower_is_refused(tmp_path: Path) -> None:
    model = tiny_clip()
    model.token_embedding = torch.nn.Embedding(100, TEXTS["width"])
    save(model, tmp_path, text_cfg={**TEXTS, "vocab_size": 100})
    with pytest.raises(BackboneError, match="more words"):
        tower(tmp_path).encode(["owl"])


def test_a_tokeniser_of_hugging_face_is_read_beside_the_configuration(tmp_path: Path) -> None:
    hf = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = {"<pad>": 0, "<unk>": 1, "cat": 2, "owl": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = hf.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", unk_token="<unk>")
    fast.save_pretrained(tmp_path)
    changed = {**TEXTS, "hf_tokenizer_name": "us/tokens", "tokenizer_kwargs": {"clean": "lower"}}
    model = tiny_clip()
    save(model, tmp_path, text_cfg=changed)
    tokens = torch.zeros(1, TEXTS["context_length"], dtype=torch.long)
    tokens[0, :2] = torch.tensor([3, 2])
    with torch.no_grad():
        expected = model.encode_text(tokens, normalize=True)
    torch.testing.assert_close(tower(tmp_path).encode(["Owl cat"]), expected, atol=1e-6, rtol=0)


def test_without_open_clip_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    monkeypatch.setattr("lpt.backbones.text.text_tower.find_spec", lambda _: None)
    with pytest.raises(BackboneError, match=r"pip install 'lpt\[text\]'"):
        check_text_packages()
