"""Tools for backbones: a killed run ends as if it had not been, and no judged class is learned."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tools.backbones import distill, heal, judge
from tools.backbones.folder import Description, held_out, trainable, write_backbone
from tools.backbones.loop import Loop
from tools.backbones.student import Whitening, joint, student_tokens
from tools.backbones.targets import crops_of

from lpt.backbones import load_backbone
from lpt.errors import ConfigError, DataError

SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2, "patch_size": 16, "img_size": 64}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two classes of ten noisy images each, for training, and four for testing."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 4)):
        for name, shade in (("dark", 60), ("light", 180)):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = random.normal(shade, 30, (64, 64, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> str:
    """A small ViT as a backbone folder."""
    import timm

    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(0)
    model = timm.create_model("vit_small_patch16_224", num_classes=0, **SMALL)
    write_backbone(folder, model.state_dict(), Description("vit_small_patch16_224", 2, 64))
    config = json.loads((folder / "config.json").read_text())
    config["model_args"] |= SMALL
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def runs(data: Path, small: str) -> dict[str, tuple[object, list[str], str]]:
    common = ["--batch", "4", "--steps", "5", "--precision", "float32"]
    return {
        "distill": (
            distill.main,
            [str(data), "OUT", "--teacher", small, "--student", small, *common],
            "backbone.safetensors",
        ),
        "heal": (
            heal.main,
            [small, str(data), "OUT", "--blocks", "1", "--size", "32", "--mix", "0.5", *common],
            "backbone/model.safetensors",
        ),
    }


@pytest.mark.parametrize("tool", ["distill", "heal"])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    tool, data, small, tmp_path, monkeypatch
):
    main, arguments, weights = runs(data, small)[tool]

    def run(folder: Path) -> dict[str, torch.Tensor]:
        main([str(folder) if a == "OUT" else a for a in arguments])
        return load_file(folder / weights)

    unbroken = run(tmp_path / "unbroken")
    monkeypatch.setattr("tools.backbones.loop.CHECKPOINT_SECONDS", 0.0)
    step = Loop._train_step

    def dies(self: Loop) -> torch.Tensor:
        if self.step == 3:
            raise KeyboardInterrupt
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_train_step", dies)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed")
    resumed = run(tmp_path / "killed")
    assert unbroken.keys() == resumed.keys()
    assert all(torch.equal(unbroken[k], resumed[k]) for k in unbroken)
    start = load_file(Path(small) / "model.safetensors")
    assert any(not torch.equal(unbroken[k], start[k]) for k in unbroken if "blocks.0" in k)
    arguments += ["--seed", "1"]
    with pytest.raises(ConfigError, match=r"last.pt: made with other|targets: has targets of"):
        run(tmp_path / "killed")


def test_a_healed_backbone_loads_with_the_blocks_and_the_size_it_was_trained_at(
    data, small, tmp_path
):
    arguments = runs(data, small)["heal"][1]
    heal.main([str(tmp_path) if a == "OUT" else a for a in arguments])
    config = json.loads((tmp_path / "backbone" / "config.json").read_text())
    assert config["model_args"] == {"depth": 1, "img_size": 32, "num_classes": 0}
    config["model_args"] = {**SMALL, **config["model_args"]}
    (tmp_path / "backbone" / "config.json").write_text(json.dumps(config))
    loaded = load_backbone(str(tmp_path / "backbone"))
    assert (loaded.depth, loaded.spec.image_size) == (1, 32)


def test_part_of_the_way_is_kept_and_can_be_chosen_after_training(data, small, tmp_path):
    arguments = [str(tmp_path) if a == "OUT" else a for a in runs(data, small)["heal"][1]]
    found = []
    for way in ("0", "0.5", "1"):
        heal.main([*arguments, "--way", way])
        found.append(load_file(tmp_path / "backbone" / "model.safetensors"))
    none, half, all_ = ({k: v.float() for k, v in weights.items()} for weights in found)
    start = load_file(Path(small) / "model.safetensors")
    for name in none:
        if name != "pos_embed":  # resized to the input
            assert torch.equal(none[name], start[name].float())
        assert torch.allclose(half[name], (none[name] + all_[name]) / 2, atol=1e-3)
    assert any(not torch.equal(none[name], all_[name]) for name in none)


@pytest.mark.parametrize("name", ["goose [n01855672]", "n01855672", "goose", "Goose"])
@pytest.mark.parametrize("tool", ["distill", "heal"])
def test_a_class_that_backbones_are_judged_on_is_refused(tool, name, data, small, tmp_path):
    for split in ("train", "test"):
        for kind in ("dark", name):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
            source = data / split / "dark" / "0.png"
            (tmp_path / "data" / split / kind / "0.png").write_bytes(source.read_bytes())
    main, arguments, _ = runs(tmp_path / "data", small)[tool]
    with pytest.raises(DataError, match=r"judged on"):
        main([str(tmp_path / "out") if a == "OUT" else a for a in arguments])


def test_the_classes_of_both_halves_of_tiny_imagenet_are_apart():
    """Half a is trained on; every class of half b is in the list of those judged on."""
    held = held_out()
    assert len(held) == 100
    assert len(set(held.values())) == 100
    assert all(wnid in name for wnid, name in held.items())


def test_the_list_of_judged_classes_is_that_of_the_shared_data():
    import os

    shared = Path(os.environ.get("LPT_SHARED", "../shared")) / "data"
    if not shared.is_dir():
        pytest.skip("needs tiny-imagenet in LPT_SHARED")
    import pyarrow.parquet as pq

    def wnids(half: str) -> set[str]:
        table = pq.read_table(shared / f"tiny-imagenet-{half}" / "test.parquet", columns=["wnid"])
        return set(table["wnid"].to_pylist())

    assert wnids("b") == set(held_out())
    assert not wnids("a") & set(held_out())


def test_judge_separates_what_is_easy(data, small, capsys):
    judge.main([small, str(data), "--patches"])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["train"], first["test"]) == (20, 8)
    assert first["class_means"] == second["class_means"] == 100


def test_crops_depend_on_their_seed_and_chunk_only():
    pixels = torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8)
    assert torch.equal(crops_of(pixels, 0, 1), crops_of(pixels, 0, 1))
    assert not torch.equal(crops_of(pixels, 0, 1), crops_of(pixels, 0, 2))


def test_a_student_that_sees_all_patches_gives_the_features_of_its_forward_pass(small):
    network, _ = trainable(small)
    network.eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = network.forward_features(images)
        assert torch.allclose(student_tokens(network, images), expected, atol=1e-5)
        some = student_tokens(network, images, torch.tensor([1, 3]))
    assert some.shape == (2, 3, 32)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_whitening_keeps_the_leading_components_and_their_order(power):
    torch.manual_seed(0)
    features = torch.randn(500, 6) * torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.1])
    whitening = Whitening.of(features, 3, power)
    seen = (features - features.mean(0)) @ whitening.matrix
    wanted = torch.tensor([5.0, 4.0, 3.0]) ** (1 - power)
    assert torch.allclose(seen.std(0), wanted, rtol=0.15)
    assert torch.allclose(whitening(features).norm(dim=1), torch.ones(500))


def test_joint_features_are_class_token_and_mean_patch_of_unit_length():
    tokens = torch.tensor([[[3.0, 4.0], [2.0, 0.0], [0.0, 2.0]]])
    assert torch.allclose(joint(tokens), torch.tensor([[0.6, 0.8, 0.5**0.5, 0.5**0.5]]))
