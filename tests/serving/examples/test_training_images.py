"""Training images come from the run folder of a task, and from nowhere else."""

import io
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from lpt.backbones import FrozenViT
from lpt.serving.service import Service, ServingSettings

from ...tiny import backbone_of, config, train, write_backbone, write_photos

MOST = 20


class Made(NamedTuple):
    run: Path
    photos: Path
    backbone: FrozenViT


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    root = tmp_path_factory.mktemp("made")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    backbone = backbone_of(vit)
    short = config(photos, phase1__epochs=1, phase2__epochs=1).changed({"backbone": str(vit)})
    train(short, root / "pets", backbone)
    return Made(root / "pets", photos, backbone)


def serving(made: Made, given: Path, most: int = MOST) -> Service:
    settings = ServingSettings(training_images=most)
    return Service([f"pets={given}"], backbone=made.backbone, device="cpu", settings=settings)


def asked(service, task: str, photo: bytes, number: int = 4):
    """Classify a photo and ask for its nearest training images until they are there or never."""
    ends = time.monotonic() + 60
    while True:
        answer = service.submit(task, photo, embedding=True).result(60)
        found = service.nearest(answer, number)
        if found.state != "preparing":
            return found
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_training_image_is_nearest_to_itself_and_comes_as_our_own_thumbnail(made):
    photo = (made.photos / "dog" / "00.png").read_bytes()
    with serving(made, made.run) as service:
        found = asked(service, "pets", photo)
        assert found.state == "ready"
        assert 4 <= found.searched <= MOST
        assert len(found.images) == 4
        best = found.images[0]
        assert service.card("pets").classes[best.index] == "dog"
        assert best.similarity == pytest.approx(1, abs=1e-5)
        assert Image.open(io.BytesIO(best.thumbnail)).format == "JPEG"
        answer = service.submit("pets", photo).result(60)
        assert service.nearest(answer, 4).state == "unavailable"  # without its embedding


@pytest.mark.parametrize("why", ["none offered", "a task file alone", "its data is gone"])
def test_without_the_run_or_its_data_there_are_none(made, tmp_path, why):
    run = tmp_path / "pets"
    shutil.copytree(made.run, run)
    given, most = run, 0 if why == "none offered" else MOST
    if why == "a task file alone":
        given = shutil.copy(run / "task.safetensors", tmp_path / "pets.safetensors")
    if why == "its data is gone":
        (run / "config.yaml").write_text(
            (run / "config.yaml").read_text().replace(str(made.photos), str(tmp_path / "gone"))
        )
    with serving(made, given, most) as service:
        photo = (made.photos / "dog" / "00.png").read_bytes()
        assert asked(service, "pets", photo).state == "unavailable"


def test_a_run_from_elsewhere_chooses_no_folder_that_is_read(made, tmp_path, monkeypatch):
    monkeypatch.setenv("LPT_KEY", str(tmp_path / "another machine"))
    with serving(made, made.run) as service:
        photo = (made.photos / "dog" / "00.png").read_bytes()
        assert asked(service, "pets", photo).state == "unavailable"
