"""Every test runs with the shapes of signatures checked, on one thread, in float32."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in subprocesses
os.environ["LPT_BACKBONES"] = os.devnull  # backbones of whoever runs the tests must not matter

import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

if TYPE_CHECKING:
    from .s3_server import S3Server

SHAPED = [
    "lpt.backbones.attention",
    "lpt.backbones.blocks",
    "lpt.backbones.linear",
    "lpt.backbones.vit",
    "lpt.evaluation",
    "lpt.losses",
    "lpt.model",
    "lpt.records",
    "lpt.reference.plain_model",
    "lpt.training.engine.step_batch",
    "lpt.training.phases.prompt_stages",
    "lpt.training.engine.stage",
]
"""Modules whose signatures state shapes; checked from their first import on, so before any test."""

install_import_hook(SHAPED, "beartype.beartype")

torch.set_num_threads(1)

always = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("lpt", always, derandomize=True)  # a failure is one for everybody
settings.register_profile("fuzz", always, max_examples=3000)  # make examples: new ones every time
settings.load_profile("lpt")


@pytest.fixture(scope="session", autouse=True)
def _float32() -> Iterator[None]:
    """What `precision: auto` chooses here must not depend on the machine that tests."""
    from lpt.training.run import device_setup as launch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "cpu_has_bf16", lambda: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _key_of_made_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs of tests are marked with a key that is not that of the developer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LPT_KEY", str(tmp_path_factory.mktemp("key") / "key"))
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator["S3Server"]:
    """A local server of object storage, started by the first test that needs it."""
    from .s3_server import running_server

    with running_server() as running:
        yield running
