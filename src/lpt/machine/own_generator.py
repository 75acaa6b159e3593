"""Random numbers of torch from a generator of one's own, whatever other threads draw.

torch's functions draw from one generator per process unless they are given another, and many take
none from their caller: the constructors of layers, distributions, the models of other packages.
Two trainings in threads of one process would take each other's numbers, and so would any other
thread that calls `torch.randn`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["OwnGenerator"]

_TAKE_GENERATOR = frozenset(
    {
        # functions of torch
        *("bernoulli", "multinomial", "normal", "poisson", "rand", "randint", "randn", "randperm"),
        *("_sample_dirichlet", "_standard_gamma", "binomial"),
        # methods of tensors
        *("bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_"),
        *("random_", "uniform_"),
        nn.init.kaiming_uniform_.__name__,  # handed over as a whole, unlike its siblings
    }
)
_DROPOUTS = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"})
"""Functions of torch that take no generator; (B, C, ...) is assumed of those of channels."""
_LIKE = {"rand_like": torch.rand, "randn_like": torch.randn}


class OwnGenerator(TorchFunctionMode):
    """A context in which this thread's random numbers come from a generator of its own.

    They are those that `torch.manual_seed` with the same seed would give, and torch's global
    generator is neither read nor changed. Other threads are not affected.

    Args:
        seed: of the generators, one per device.

    >>> with OwnGenerator(3):
    ...     own = torch.rand(2)
    >>> torch.equal(own, torch.rand(2, generator=torch.Generator().manual_seed(3)))
    True
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._depth = 0
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begin again with a seed."""
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __enter__(self) -> "OwnGenerator":
        super().__enter__()  # type: ignore[no-untyped-call]
        self._depth += 1
        return self

    def __exit__(self, *error: Any) -> None:
        self._depth -= 1
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the innermost context for a while, at full speed: for code that draws nothing."""
        if not self._depth:
            yield
            return
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Give the functions that draw a generator, unless they have one."""
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in _LIKE:
            (like, *_) = args
            kwargs = {"dtype": like.dtype, "device": like.device, **kwargs}
            kwargs.pop("memory_format", None)
            func, args, name = _LIKE[name], (like.shape,), "rand"
        if name in _DROPOUTS:
            return self._dropout(name, *args, **kwargs)
        if name in _TAKE_GENERATOR and kwargs.get("generator") is None:
            kwargs["generator"] = self._generator(args, kwargs)
        return func(*args, **kwargs)

    def _dropout(
        self, name: str, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        """Dropout of values, or of whole channels of (B, C, ...), with a mask of our own."""
        if not training or not p:
            return input
        shape = input.shape
        if name != "dropout":
            shape = torch.Size((*shape[:2], *[1] * (input.dim() - 2)))
        generator = self._generator((input,), {})
        kept = torch.rand(shape, device=input.device, generator=generator) >= p
        scaled = kept / (1 - p) if p < 1 else kept.float()
        return input.mul_(scaled) if inplace else input * scaled.to(input.dtype)

    def _generator(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> torch.Generator | None:
        """Return the generator of the device on which a function draws; None if it draws none."""
        tensors = (a.device for a in (*args, *kwargs.values()) if isinstance(a, torch.Tensor))
        device = torch.device(kwargs.get("device") or next(tensors, torch.get_default_device()))
        if device.type == "meta":  # shapes without values
            return None
        if device.index is None and device.type != "cpu":
            device = torch.empty(0, device=device).device
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]
