"""The door of the server: requests in, answers out."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.backbones import FrozenViT
from lpt.serving.serving_records import Answer, TaskCard
from lpt.serving.serving_settings import NullObserver, Observer, ServingSettings

__all__ = ["NullObserver", "Observer", "Service", "ServingSettings"]


class Service:
    """Many tasks on one backbone, behind one door; safe to use from several threads."""

    def __init__(
        self,
        tasks: Sequence[str | Path] = (),
        *,
        folder: Path | None = None,
        backbone: FrozenViT | str | None = None,
        device: str | None = None,
        settings: ServingSettings | None = None,
        observer: Observer | None = None,
    ) -> None:
        raise NotImplementedError

    def submit(
        self,
        task: str,
        image: bytes | npt.NDArray[np.float32],
        *,
        embedding: bool = False,
        deadline_s: float | None = None,
    ) -> Future[Answer]:
        raise NotImplementedError

    def cards(self) -> list[TaskCard]:
        raise NotImplementedError

    def card(self, task: str) -> TaskCard:
        raise NotImplementedError

    def load(self, name: str) -> None:
        raise NotImplementedError

    def unload(self, name: str) -> None:
        raise NotImplementedError

    def index(self) -> None:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def drain(self, grace_s: float) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
