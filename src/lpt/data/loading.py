"""Batches of transformed images, from this process or from workers, the same either way."""

import hashlib
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from lpt.data.images.decode import MAX_PIXELS, decode
from lpt.data.manifest import Split
from lpt.errors import ConfigError, DataError
from lpt.records import Batch

__all__ = ["Draw", "EvalBatches", "ImageDataset", "Loader", "make_loader"]

_Tensors = tuple[Tensor, Tensor, Tensor]

_WORKER_DIED = (
    "a process that loads images ended: killed, or out of memory or shared memory. "
    "Use fewer workers (0 loads in the training process itself)."
)


@dataclass(frozen=True)
class Draw:
    """One showing of one image.

    Attributes:
        index: position in the split.
        key: what its augmentation is a function of, such as (seed, phase, epoch, branch, position
            in the epoch); non-negative. Two draws of one image with different keys look different.
    """

    index: int
    key: tuple[int, ...] = ()


class ImageDataset:
    """A split seen through a transform.

    Args:
        split: the images.
        transform: upright RGB PIL image -> (3, H, H) float32. It may draw from torch's global
            generator, which is seeded from the draw's key for the call and restored after it. If it
            has a `decode_target` (see Transform), large JPEGs are decoded at a reduced scale.
        max_pixels: size limit of `decode`.
    """

    def __init__(
        self,
        split: Split,
        transform: Callable[[Image.Image], Float[Tensor, "3 H H"]],
        *,
        max_pixels: int = MAX_PIXELS,
    ):
        self.split = split
        self.transform = transform
        self.max_pixels = max_pixels
        self._target: int | None = getattr(transform, "decode_target", None)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, draw: Draw | int) -> tuple[Float[Tensor, "3 H H"], int, int]:
        """Image, label and index of a draw; an int means a draw with an empty key.

        Raises: DataError naming the image that cannot be read. None is ever put in its place.
        """
        index, key = (draw.index, draw.key) if isinstance(draw, Draw) else (int(draw), ())
        name = self.split.name_of(index)
        data = self.split.read(index)
        image = decode(data, name=name, max_pixels=self.max_pixels, target=self._target)
        generator = torch.random.default_generator
        state = generator.get_state()
        try:
            generator.manual_seed(_seed(key))
            return self.transform(image), int(self.split.labels[index]), index
        finally:
            generator.set_state(state)


@dataclass(frozen=True)
class EvalBatches:
    """A split in its own order, `batch` images at a time; the last batch may be smaller.

    The key of a draw is the image's index, so that a corruption differs from image to image and
    is the same in every evaluation.

    Attributes:
        n: images in the split.
        batch: images a batch.
        start: batches to leave out, to resume.
    """

    n: int
    batch: int
    start: int = 0

    def __len__(self) -> int:
        return max(-(-self.n // self.batch) - self.start, 0)

    def __iter__(self) -> Iterator[list[Draw]]:
        for first in range(self.start * self.batch, self.n, self.batch):
            yield [Draw(i, (i,)) for i in range(first, min(first + self.batch, self.n))]


class Loader:
    """Iterates over given batches of draws; see `make_loader`.

    Attributes:
        seconds_waiting: time that the consumer spent waiting for images in the last iteration. Over
            the time of the whole loop it is the share of training that data costs.
    """

    def __init__(self, loader: "DataLoader[_Tensors | str]"):
        self._loader = loader
        self.seconds_waiting = 0.0

    def __iter__(self) -> Iterator[Batch]:
        self.seconds_waiting = 0.0
        arriving = iter(self._loader)
        while True:
            began = time.perf_counter()
            try:
                item = next(arriving)
            except StopIteration:
                return
            except RuntimeError as error:
                if "DataLoader worker (pid" in str(error):
                    raise DataError(_WORKER_DIED) from error
                raise
            self.seconds_waiting += time.perf_counter() - began
            if isinstance(item, str):
                del arriving  # ends the workers now, not when the traceback is let go
                raise DataError(item)
            yield Batch(*item)


def make_loader(
    dataset: ImageDataset,
    batches: Iterable[Sequence[Draw]],
    *,
    workers: int = 0,
    start_method: str | None = None,
    prefetch: int = 2,
    pin_memory: bool = False,
) -> Loader:
    """Load the given batches in the given order.

    What a batch holds depends on its draws alone, not on workers or start method, and no global
    random state changes; so a run resumes at any step by passing the batches that remain. Passing
    the batches of many epochs at once starts the workers only once.

    Args:
        dataset: the images.
        batches: draws of each batch. Iterated once per iteration of the loader.
        workers: processes that load; 0 loads in this one.
        start_method: fork, spawn or forkserver; None takes the platform's default.
        prefetch: batches that each worker prepares ahead.
        pin_memory: copy batches to page-locked memory, for faster transfer to a GPU.
    Raises: DataError, while iterating, naming an image that cannot be read; ConfigError for a
        setting out of range.
    """
    if workers < 0 or prefetch < 1:
        raise ConfigError(f"workers {workers}, prefetch {prefetch}: choose >= 0 and >= 1.")
    if start_method not in (None, *multiprocessing.get_all_start_methods()):
        known = ", ".join(multiprocessing.get_all_start_methods())
        raise ConfigError(f"start method {start_method!r}: choose one of {known}.")
    loader: DataLoader[_Tensors | str] = DataLoader(
        _Fetcher(dataset),  # type: ignore[arg-type]
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=prefetch if workers else None,
        multiprocessing_context=start_method if workers else None,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # otherwise each iteration would advance the global generator
    )
    return Loader(loader)


class _Fetcher:
    """Turns a list of draws into tensors, or into the message of what went wrong.

    Torch wraps exceptions of workers in their traceback; a message comes through as it is.
    """

    def __init__(self, dataset: ImageDataset):
        self.dataset = dataset

    def __getitem__(self, draws: Sequence[Draw]) -> _Tensors | str:
        try:
            images, labels, ids = zip(*(self.dataset[draw] for draw in draws), strict=True)
        except DataError as error:
            return str(error)
        return torch.stack(images), torch.tensor(labels), torch.tensor(ids)


def _seed(key: tuple[int, ...]) -> int:
    """63 bits that differ for every key; a hash costs a twentieth of a NumPy SeedSequence."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
