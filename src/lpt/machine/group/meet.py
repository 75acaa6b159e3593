"""The processes of a group meet, and exchange what each has computed.

Bytes and tensors of a CPU go through gloo. Tensors of a GPU go through NCCL where every process has
a GPU of its own. No exchange waits for a process that is lost.
"""

import time
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

# Its functions have the group of all processes as a default argument. Imported while a group
# exists, they would keep it and its threads, which may crash the interpreter as it ends.
import torch.distributed.nn.functional
from torch import Tensor

from lpt.errors import LptError
from lpt.machine.group.place import Place
from lpt.machine.group.process_group import ALONE, PeerError, ProcessGroup
from lpt.machine.group.pulse import Lost, Pulse

__all__ = ["JoinedGroup", "join"]

LONGEST_WAIT = 1800.0
"""Seconds that processes wait for each other; one that takes longer hangs."""
_EVER = timedelta(days=30)
_POLL = timedelta(seconds=1)
_GRACE = 40.0
"""Seconds until a connection that broke is explained; longer than `pulse.LOST_AFTER`."""


class JoinedGroup(ProcessGroup):
    """A group of several processes; `join` makes it.

    Args:
        place: of this process.
        pulse: watches the others.
    """

    def __init__(self, place: Place, pulse: Pulse) -> None:
        self.rank, self.size = place.rank, place.size
        self.local_rank, self.local_size = place.local_rank, place.local_size
        self.pulse = pulse
        self._gpus: Any = None

    def use_gpu(self, device: torch.device) -> None:
        """Take NCCL for tensors of this GPU, if no other process uses it."""
        own = device.type == "cuda" and self.local_size <= torch.cuda.device_count()
        if own and dist.is_nccl_available():
            self._gpus = dist.new_group(backend="nccl", timeout=_EVER)

    def add_up(self, tensor: Tensor) -> None:
        """Add up a tensor over all processes, in place."""
        if self._gpus is not None and tensor.is_cuda:
            self._wait(dist.all_reduce(tensor, group=self._gpus, async_op=True))
            return
        host = tensor.cpu()
        self._wait(dist.all_reduce(host, async_op=True))
        if host is not tensor:
            tensor.copy_(host)

    def wait(self) -> None:
        """Wait until all processes have come so far."""
        self._wait(dist.all_reduce(torch.zeros(1), async_op=True), float("inf"))

    def from_main(self, data: bytes | None, *, patient: bool = False) -> bytes:
        """Send the bytes of process 0 to the others."""
        size = torch.tensor([len(data or b"")])
        limit = float("inf") if patient else LONGEST_WAIT
        self._wait(dist.broadcast(size, 0, async_op=True), limit)
        length = int(size)
        if not length:
            return b""
        buffer = torch.empty(length, dtype=torch.uint8) if data is None else _tensor(data)
        self._wait(dist.broadcast(buffer, 0, async_op=True))
        return data if data is not None else buffer.numpy().tobytes()

    def to_main(self, data: bytes) -> list[bytes]:
        """Send the bytes of all processes to process 0."""
        sizes = torch.zeros(self.size, dtype=torch.int64)
        sizes[self.rank] = len(data)
        self._wait(dist.all_reduce(sizes, async_op=True))
        if not self.is_main:
            if data:
                self._wait(dist.isend(_tensor(data), 0))
            return []
        found = [data]
        for rank in range(1, self.size):
            buffer = torch.empty(int(sizes[rank]), dtype=torch.uint8)
            if len(buffer):
                self._wait(dist.irecv(buffer, rank))
            found.append(buffer.numpy().tobytes())
        return found

    def fail(self, error: BaseException) -> bool:
        """Record why this process ends, unless another one has said so."""
        prints = not (isinstance(error, PeerError) and error.lost.prints)
        if prints and isinstance(error, LptError) and not self.is_main:
            first = self.pulse.failure_of(0, 1.5)  # process 0 often fails in the same way
            prints = first is None or not first.prints
        stopped = not isinstance(error, Exception)
        self.pulse.fail("was stopped" if stopped else str(error), prints=prints and not stopped)
        if self.is_main and not stopped:
            self.pulse.all_failed(6.0)  # they read why in what this process keeps
        return prints

    def close(self) -> None:
        """Leave the group; process 0 leaves last, since it may keep what the others read."""
        self._wait(dist.all_reduce(torch.zeros(1), async_op=True))
        self.pulse.stop()
        self._wait(dist.all_reduce(torch.zeros(1), async_op=True))
        dist.destroy_process_group()

    def _wait(self, work: Any, limit: float = LONGEST_WAIT) -> None:
        """Wait for an exchange; a process that is lost meanwhile ends it.

        Raises: PeerError naming the process.
        """
        self.pulse.work += 1
        began, broken = time.monotonic(), False
        while True:
            try:
                if work.wait(_POLL):
                    return
            except RuntimeError:
                broken = broken or bool(work.is_completed())
            waited = time.monotonic() - began
            if self.pulse.lost is not None:
                raise PeerError(self.pulse.lost, self.size) from None
            if broken and waited > _GRACE:
                raise PeerError(Lost(0, False, "or another one has ended"), self.size) from None
            if broken:
                time.sleep(0.1)
            elif waited > limit:
                late = min(range(self.size), key=self.pulse.works.__getitem__)
                hangs = Lost(late, False, f"has not moved for {limit / 60:.0f} minutes")
                raise PeerError(hangs, self.size) from None


def join(place: Place | None) -> ProcessGroup:
    """Meet the other processes.

    Args:
        place: of this process; None returns `ALONE`.
    Raises: LptError if they do not come within five minutes.
    """
    if place is None:
        return ALONE
    handle: dict[str, Any] = {} if place.listener is None else {"master_listen_fd": place.listener}
    name = f"lpt/{place.attempt}"
    try:
        store = dist.TCPStore(
            place.address,
            place.port,
            place.size,
            is_master=place.rank == 0 and not place.kept,
            timeout=timedelta(minutes=5),
            wait_for_workers=False,
            **handle,
        )
        watched = dist.PrefixStore(name, store.clone())
        pulse = Pulse(watched, place.rank, place.size, place.launcher)
        dist.init_process_group(
            "gloo",
            store=dist.PrefixStore(name, store),
            rank=place.rank,
            world_size=place.size,
            timeout=_EVER,
        )
    except (RuntimeError, dist.DistError) as error:
        reason = str(error).splitlines()[0][:200]
        raise LptError(
            f"process {place.rank} of 0 to {place.size - 1} does not reach the others at "
            f"{place.address}:{place.port} ({reason}).",
            "Check the address and that the port is free and open between the machines.",
        ) from error
    pulse.start()
    return JoinedGroup(place, pulse)


def _tensor(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
