"""The authors' checkpoint, converted, computes what the reference implementation computed."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from lpt.errors import BackboneError
from lpt.task_file import load_task

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "golden" / "forward.safetensors"


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
    state["prompt_learner.Prompt_Tokens"] = golden["lpt.shared_prompts"]
    state["prompt_learner.Prompt_Tokens_pool"] = golden["lpt.group_prompts"]
    state["prompt_learner.Prompt_Keys"] = golden["lpt.keys"]
    state["prompt_learner.head.weight"] = golden["lpt.classifier"].T.contiguous()
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_converted_checkpoint_gives_the_reference_logits(
    tool: ModuleType, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"state_dict": released_like(prefix), "epoch": 3}, tmp_path / "released.pth")
    monkeypatch.setattr(tool, "HEAD_WIDTH", 16)  # the fixture has two heads of width 16
    file = tool.convert(tmp_path / "released.pth", tmp_path / "out", None, None)
    model, spec = load_task(file)
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


def test_a_pickle_that_would_run_code_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    torch.save({"state_dict": print}, tmp_path / "hostile.pth")
    with pytest.raises(BackboneError, match="not a torch file of plain tensors"):
        tool.convert(tmp_path / "hostile.pth", tmp_path / "out", None, None)


def test_class_names_must_be_as_many_as_classes(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    with pytest.raises(Exception, match=r"2 lines for 7 classes"):
        tool.lines(tmp_path / "names.txt", 7, [])
