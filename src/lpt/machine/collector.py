"""The garbage collector of a process that must answer in milliseconds."""

import atexit
import gc

__all__ = ["settle_collector"]


def settle_collector() -> int:
    """Leave out of garbage collection what the process holds already.

    A full collection looks at every object while all threads wait. Torch and its libraries are
    400,000 of them, which takes 80 to 250 ms. They live until the process ends, so programs that
    serve call this once they are ready. Libraries should not: it applies to the whole process.

    Returns: the number of objects left out.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # libraries that count their objects at the end would complain
    return gc.get_freeze_count()
