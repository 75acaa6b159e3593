"""Batches of transformed images, identical whether this process or workers load them."""

import hashlib
import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from lpt.data.images.decode import ImageError, decode
from lpt.data.images.transforms import Transform
from lpt.data.manifest import Split
from lpt.errors import ConfigError, DataError
from lpt.machine.processes import usable_workers
from lpt.records import Batch

__all__ = ["Draw", "EvalBatches", "ImageDataset", "Loader", "draw_seed", "make_loader"]

_Tensors = tuple[Tensor, Tensor, Tensor]

_WORKER_DIED = (
    "a worker that loads images was killed, or ran out of memory or shared memory. "
    "Use fewer workers (0 loads images in the main process)."
)


@dataclass(frozen=True)
class Draw:
    """One sampled image.

    Attributes:
        index: position in the split.
        key: non-negative integers that determine the augmentation, such as (seed, phase, epoch,
            branch, position in the epoch). The same image with another key is augmented anew.
        share: share of the training that is done, in [0, 1]; crops may grow with it.
    """

    index: int
    key: tuple[int, ...] = ()
    share: float = 0.0


class ImageDataset:
    """A split seen through a transform; safe to read from several threads.

    Args:
        split: the images.
        transform: upright RGB PIL image -> (3, H, H) float32. A random `Transform` is given a
            generator seeded from the key of the draw; any other function must be deterministic. If
            it has a `decode_target`, large JPEGs are decoded at a reduced scale.
        max_pixels: size limit of `decode`; None takes the limit of the split.
    """

    def __init__(
        self,
        split: Split,
        transform: Callable[[Image.Image], Float[Tensor, "3 H H"]],
        *,
        max_pixels: int | None = None,
    ):
        self.split = split
        self.transform = transform
        self.max_pixels = split.max_pixels if max_pixels is None else max_pixels
        self._target: int | None = getattr(transform, "decode_target", None)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, draw: Draw | int) -> tuple[Float[Tensor, "3 H H"], int, int]:
        """Load image, label and index of a draw; an int is a draw with an empty key.

        Raises: DataError naming the image that cannot be read. It is never replaced by another.
        """
        if not isinstance(draw, Draw):
            draw = Draw(int(draw))
        index = draw.index
        name = self.split.name_of(index)
        data = self.split.read(index)
        image = decode(data, name=name, max_pixels=self.max_pixels, target=self._target)
        if isinstance(self.transform, Transform) and self.transform.random:
            transform = self.transform.at(draw.share)
            tensor = transform(image, torch.Generator().manual_seed(draw_seed(draw.key)))
        else:
            tensor = self.transform(image)
        return tensor, int(self.split.labels[index]), index


@dataclass(frozen=True)
class EvalBatches:
    """A split in order, in batches; the last batch may be smaller.

    The key of a draw is the index of the image, so that a random corruption differs between images
    and is the same in every evaluation.

    >>> [[draw.index for draw in batch] for batch in EvalBatches(5, 2)]
    [[0, 1], [2, 3], [4]]

    Attributes:
        n: number of images in the split.
        batch: images per batch.
    """

    n: int
    batch: int

    def __len__(self) -> int:
        return -(-self.n // self.batch)

    def __iter__(self) -> Iterator[list[Draw]]:
        for first in range(0, self.n, self.batch):
            yield [Draw(i, (i,)) for i in range(first, min(first + self.batch, self.n))]


class Loader:
    """Iterates over given batches of draws; see `make_loader`."""

    def __init__(self, loader: "DataLoader[_Tensors | str]"):
        self._loader = loader

    def __iter__(self) -> Iterator[Batch]:
        arriving = iter(self._loader)
        while True:
            try:
                item = next(arriving)
            except StopIteration:
                return
            except RuntimeError as error:
                if "DataLoader worker (pid" in str(error):
                    raise DataError(_WORKER_DIED) from error
                raise
            if isinstance(item, str):
                del arriving  # stop the workers now, not when the traceback is released
                raise ImageError(item)
            yield Batch(*item)


def make_loader(
    dataset: ImageDataset,
    batches: Iterable[Sequence[Draw]],
    *,
    workers: int = 0,
    start_method: str | None = None,
    pin_memory: bool = False,
) -> Loader:
    """Load the given batches in the given order.

    A batch depends only on its draws, not on workers or start method, and no global random state
    changes; so a run resumes at any step by passing the remaining batches. Pass the batches of
    several epochs at once to start the workers only once.

    Args:
        dataset: the images.
        batches: the draws of each batch, iterated once per iteration of the loader.
        workers: number of processes that load images; 0 loads them in this process, and so does
            a script without a main guard where processes would run it again (`usable_workers`). No
            more are started than there are batches, or batches in a pass over the images.
        start_method: fork, spawn or forkserver; None takes the platform's default.
        pin_memory: copy batches to page-locked memory, for faster transfer to a GPU.
    Raises: DataError, while iterating, naming an image that cannot be read; ConfigError for a
        setting out of range.
    """
    if workers < 0:
        raise ConfigError(f"workers {workers}: choose 0 or more.")
    if start_method not in (None, *multiprocessing.get_all_start_methods()):
        known = ", ".join(multiprocessing.get_all_start_methods())
        raise ConfigError(f"start method {start_method!r}: choose one of {known}.")
    batches, most = _counted(batches, len(dataset))
    workers = min(workers, most)
    workers = usable_workers(workers, start_method)
    loader: DataLoader[_Tensors | str] = DataLoader(
        _Fetcher(dataset),  # type: ignore[arg-type]
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=start_method if workers else None,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # otherwise each iteration would advance the global generator
    )
    return Loader(loader)


def _counted(
    batches: Iterable[Sequence[Draw]], images: int
) -> tuple[Iterable[Sequence[Draw]], int]:
    """Return the batches, and their number, or that of a pass over the images if it is unknown."""
    if isinstance(batches, Sized):
        return batches, len(batches)
    coming = iter(batches)
    first = list(itertools.islice(coming, 1))
    return itertools.chain(first, coming), -(-images // max(map(len, first), default=1))


class _Fetcher:
    """Turns a list of draws into tensors, or into an error message.

    Torch wraps the exceptions of workers in their traceback; a message arrives unchanged.
    """

    def __init__(self, dataset: ImageDataset):
        self.dataset = dataset

    def __getitem__(self, draws: Sequence[Draw]) -> _Tensors | str:
        try:
            images, labels, ids = zip(*(self.dataset[draw] for draw in draws), strict=True)
        except DataError as error:
            return str(error)
        return torch.stack(images), torch.tensor(labels), torch.tensor(ids)


def draw_seed(key: tuple[int, ...]) -> int:
    """Hash a key to a seed of 63 bits; a NumPy SeedSequence would take twenty times as long."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
