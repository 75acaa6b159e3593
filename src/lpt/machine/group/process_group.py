"""Processes that train together: what each has to do, and what they exchange.

`ALONE` is the group of a process on its own; every exchange is then free. `lpt.machine.group.meet`
makes larger ones.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from lpt.errors import LptError
from lpt.machine.group.pulse import Lost

__all__ = ["ALONE", "PeerError", "ProcessGroup", "ended_together"]


class PeerError(LptError):
    """Another process of the group has ended or hangs, so this one ends, too.

    Args:
        lost: the other process.
        size: of the group.
    """

    def __init__(self, lost: Lost, size: int) -> None:
        super().__init__(
            f"process {lost.rank} of 0 to {size - 1} {lost.text}, so all processes have stopped.",
            "Start the same command again, with --resume if the run had begun.",
        )
        self.lost = lost


class ProcessGroup:
    """A group of one process, and the base of larger ones.

    Attributes:
        rank: number of this process, from 0. Process 0 writes files and prints.
        size: number of processes.

    >>> ALONE.share(10), ALONE.is_main
    (slice(0, 10, None), True)
    """

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    @property
    def is_main(self) -> bool:
        """Whether this is process 0."""
        return self.rank == 0

    def share(self, number: int) -> slice:
        """Return the share of this process of a number of things; the first shares are larger.

        >>> group = ProcessGroup()
        >>> group.rank, group.size = 1, 3
        >>> group.share(7), group.share(1)
        (slice(3, 5, None), slice(1, 1, None))
        """
        return self.share_of(self.rank, number)

    def largest_share(self, number: int) -> int:
        """Return the size of the largest share."""
        return -(-number // self.size)

    def share_of(self, rank: int, number: int) -> slice:
        """Return the share of another process."""
        return slice(-(-number * rank // self.size), -(-number * (rank + 1) // self.size))

    def wait(self) -> None:
        """Wait until all processes have come so far, however long it takes."""

    def use_gpu(self, device: torch.device) -> None:
        """Add up tensors of this GPU through NCCL, if no other process uses it."""

    def add_up(self, tensor: Tensor) -> None:
        """Replace a tensor by its sum over all processes, which is the same in all of them."""

    def from_main(self, data: bytes | None, *, patient: bool = False) -> bytes:  # noqa: ARG002
        """Return the bytes of process 0; the others give None.

        Args:
            patient: wait however long it takes, for work that process 0 does before.
        """
        assert data is not None
        return data

    def to_main(self, data: bytes) -> list[bytes]:
        """Return the bytes of every process in process 0; the others get an empty list."""
        return [data]

    def decided(self, decide: Callable[[], Any], *, patient: bool = False) -> Any:
        """Let process 0 call a function, and return its result, of JSON types, in all processes.

        Args:
            patient: wait for it however long it takes.
        Raises: in all processes, the LptError that the function raised.
        """
        if self.size == 1:
            return decide()
        if not self.is_main:
            answer = json.loads(self.from_main(None, patient=patient))
            if "error" in answer:
                raise LptError(*answer["error"])
            return answer["result"]
        try:
            result = decide()
        except LptError as error:
            self.from_main(json.dumps({"error": list(error.args)}).encode())
            raise
        self.from_main(json.dumps({"result": result}).encode())
        return result

    def tensors_of_main(self, read: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Let process 0 call a function, and return its tensors in all processes."""
        if self.size == 1:
            return dict(read())
        found: dict[str, Tensor] = {}
        self.decided(lambda: found.update(read()))
        packed = {name: value.detach().cpu().contiguous() for name, value in found.items()}
        data = self.from_main(save(packed) if self.is_main else None)
        return found if self.is_main else load(data)

    def one_after_another(self, do: Callable[[], Any]) -> Any:
        """Call a function first in one process of each machine, then in all others.

        It finds there what the first has fetched or computed.
        """
        found = do() if self.local_rank == 0 else None
        self.wait()
        return found if self.local_rank == 0 else do()

    def check_same(self, digest: str, what: str) -> None:
        """Check that a digest is the same in all processes.

        Args:
            what: the thing, for the message.
        Raises: LptError in all processes.
        """
        found = self.to_main(digest.encode())

        def compare() -> None:
            others = [rank for rank, own in enumerate(found) if own != found[0]]
            if others:
                raise LptError(
                    f"{what}: process {others[0]} has others than process 0. "
                    "Give all processes the same data, settings and kind of processor."
                )

        self.decided(compare)

    def fail(self, error: BaseException) -> bool:  # noqa: ARG002
        """Let the others know that this process ends, and why.

        Returns: whether this process prints the error. One of them does.
        """
        return True

    def close(self) -> None:
        """Leave the group, after the same work in all processes."""


ALONE = ProcessGroup()


@contextmanager
def ended_together(group: ProcessGroup) -> Iterator[None]:
    """Let all processes end if this one fails; an error that another one prints is not raised."""
    try:
        yield
    except BaseException as error:
        if not group.fail(error) and isinstance(error, LptError):
            raise SystemExit(2) from None
        raise
