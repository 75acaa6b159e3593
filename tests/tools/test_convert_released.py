"""The authors' checkpoint, converted, computes what the reference implementation computed."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from lpt.errors import BackboneError, DataError
from lpt.task_file import load_task

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "golden" / "forward.safetensors"
SHARED, POOL = "prompt_learner.Prompt_Tokens", "prompt_learner.Prompt_Tokens_pool"
KEYS, HEAD = "prompt_learner.Prompt_Keys", "prompt_learner.head.weight"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = ROOT / "tools" / "convert_released.py"
    spec = importlib.util.spec_from_file_location("convert_released", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def released_like(prefix: str) -> dict[str, torch.Tensor]:
    """A checkpoint of the published structure with the fixture's numbers; heads of width 64."""
    golden = load_file(FIXTURE)
    state = {k.removeprefix("vit."): v for k, v in golden.items() if k.startswith("vit.")}
    state[SHARED] = golden["lpt.shared_prompts"]
    state[POOL] = golden["lpt.group_prompts"]
    state[KEYS] = golden["lpt.keys"]
    state[HEAD] = golden["lpt.classifier"].T.contiguous()
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_converted_checkpoint_gives_the_reference_logits(
    tool: ModuleType, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"state_dict": released_like(prefix), "epoch": 3}, tmp_path / "released.pth")
    monkeypatch.setattr(tool, "HEAD_WIDTH", 16)  # the fixture has two heads of width 16
    file = tool.convert(tmp_path / "released.pth", tmp_path / "out", None, None)
    model, spec = load_task(file, str(file.parent / "backbone.safetensors"))
    golden = load_file(FIXTURE)
    with torch.no_grad():
        logits = model(golden["in.images"]).logits
    assert (logits - golden["out.cosine_logits"]).abs().max() < 1e-5
    assert spec.shared_blocks == 2
    assert spec.backbone.layer_norm_eps == 1e-5


def test_another_torch_file_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    torch.save({"state_dict": {"weight": torch.ones(2)}}, tmp_path / "other.pth")
    with pytest.raises(BackboneError, match="lacks prompt_learner"):
        tool.convert(tmp_path / "other.pth", tmp_path / "out", None, None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state.pop("cls_token"), r"lacks cls_token"),
        (lambda state: state.update({KEYS: torch.ones(3, 5)}), r"Keys is \(3, 5\), wanted"),
        (lambda state: state.update({POOL: torch.ones(4)}), r"_pool is \(4,\), wanted \(M, L-K"),
        (lambda state: state.update({POOL: torch.tensor(4.0)}), r"_pool is \(\), wanted"),
        (lambda state: state.update({SHARED: torch.ones(2, 3, 32)}), r"Tokens is \(2, 3, 32\)"),
        (lambda state: state.update({HEAD: torch.ones(7)}), r"head\.weight is \(7,\), wanted"),
    ],
)
def test_a_checkpoint_with_other_tensors_is_refused_by_name(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[dict[str, torch.Tensor]], object],
    message: str,
) -> None:
    state = released_like("")
    damage(state)
    torch.save({"state_dict": state}, tmp_path / "released.pth")
    monkeypatch.setattr(tool, "HEAD_WIDTH", 16)
    with pytest.raises(BackboneError, match=message):
        tool.convert(tmp_path / "released.pth", tmp_path / "out", None, None)
    assert not (tmp_path / "out").exists()


def test_a_vit_that_cannot_be_loaded_leaves_no_file(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = released_like("")
    del state["blocks.1.mlp.fc1.weight"]
    torch.save({"state_dict": state}, tmp_path / "released.pth")
    monkeypatch.setattr(tool, "HEAD_WIDTH", 16)
    with pytest.raises(BackboneError, match=r"blocks\.1\.mlp\.fc1\.weight"):
        tool.convert(tmp_path / "released.pth", tmp_path / "out", None, None)
    assert not list((tmp_path / "out").iterdir())


def test_a_state_dict_of_another_type_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    torch.save({"state_dict": [1, 2]}, tmp_path / "list.pth")
    with pytest.raises(BackboneError, match="its state_dict is not a dictionary of tensors"):
        tool.convert(tmp_path / "list.pth", tmp_path / "out", None, None)


def test_a_pickle_that_would_run_code_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    torch.save({"state_dict": print}, tmp_path / "hostile.pth")
    with pytest.raises(BackboneError, match="not a torch file of plain tensors"):
        tool.convert(tmp_path / "hostile.pth", tmp_path / "out", None, None)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("classes", "one\ntwo\n", r"list\.txt: 2 lines for 7 classes"),
        ("counts", "9\n8\n7\n6\nfive\n4\n3\n", r"list\.txt: line 5 is 'five', wanted a number"),
    ],
)
def test_a_list_that_does_not_fit_leaves_nothing_behind(
    tool: ModuleType, tmp_path: Path, option: str, text: str, message: str
) -> None:
    torch.save({"state_dict": released_like("")}, tmp_path / "released.pth")
    (tmp_path / "list.txt").write_text(text)
    lists = {"classes": None, "counts": None, option: tmp_path / "list.txt"}
    with pytest.raises(DataError, match=message):
        tool.convert(tmp_path / "released.pth", tmp_path / "out", **lists)
    assert not (tmp_path / "out").exists()
