"""The ways that lpt is compared with do what their tools do."""

import json

import pytest
import timm
import torch
from tools.end_to_end.__main__ import main
from tools.end_to_end.others import LiftViT, bare_forward, timm_inference, training_epochs
from tools.gpu.epoch import write_images

pytestmark = pytest.mark.filterwarnings(  # timm's datasets leave files open
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
SMALL = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_images(folder, [2, 2], side=40)
    return folder


def test_lift_starts_as_the_frozen_vit_and_trains_adapters_and_classifier():
    vit = timm.create_model(SMALL, num_classes=0).eval()
    lift = LiftViT(vit, classes=100)
    images = torch.randn(2, 3, 224, 224)
    feature = vit(images)
    directions = torch.nn.functional.normalize(lift.classifier, dim=-1)
    expected = 25 * torch.nn.functional.normalize(feature, dim=-1) @ directions.T
    torch.testing.assert_close(lift(images), expected, atol=1e-4, rtol=0)
    trained = {name.split(".")[0] for name, p in lift.named_parameters() if p.requires_grad}
    assert trained == {"adapters", "classifier"}
    assert lift.adapters[0].down.out_features == 4  # 100 classes, 12 blocks


def test_timm_predicts_every_image_of_the_folder(photos):
    model = timm.create_model(SMALL, num_classes=6).eval()
    found = timm_inference(model, photos, batch=3, workers=0)()
    assert [len(part) for part in found] == [3, 1]
    assert len(bare_forward(model, torch.zeros(4, 3, 224, 224), batch=4)()) == 1


@pytest.mark.slow
def test_the_comparison_has_every_way(tmp_path, capsys):
    pytest.importorskip("peft")
    out = tmp_path / "found.json"
    main([str(out), "--backbone", SMALL, "--images", "16", "--workers", "0", "--repeats", "1"])
    found = json.loads(out.read_text())
    assert list(found["predict"]) == [
        "bare forward pass",
        "timm inference",
        "lpt, exact",
        "lpt, early",
    ]
    assert len(found["train"]) == 5
    assert json.loads(capsys.readouterr().out) == found


def test_an_epoch_of_lora_trains_on_the_folder(photos):
    pytest.importorskip("peft")
    epochs = training_epochs(SMALL, photos, batch=2, workers=0, counts=[2, 2])
    assert list(epochs) == ["timm, all weights", "PEFT LoRA", "LIFT, plain"]
    epochs["PEFT LoRA"]()
