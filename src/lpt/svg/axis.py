"""A linear or logarithmic axis of a chart."""

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Axis"]


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis.

    Attributes:
        label: title of the axis.
        low, high: ends of the axis.
        kind: "number"; "percent", shares in [0, 1] shown as 40 %; "log", for positive values.
        ticks: values of the ticks; None for round values.

    >>> [text for _, text in Axis("epoch", 0, 10).marks()]
    ['0', '2', '4', '6', '8', '10']
    """

    label: str
    low: float
    high: float
    kind: Literal["number", "percent", "log"] = "number"
    ticks: tuple[float, ...] | None = None

    def position(self, value: float) -> float:
        """Map a value to [0, 1], 0 at `low` and 1 at `high`; values outside are clipped."""
        low, high = self.low, self.high
        if self.kind == "log":
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5

    def marks(self) -> list[tuple[float, str]]:
        """Return values and texts of the ticks."""
        values = self.ticks if self.ticks is not None else self._round_values()
        return [(value, self.text(value)) for value in values]

    def text(self, value: float) -> str:
        """Format a value."""
        return f"{100 * value:.0f} %" if self.kind == "percent" else f"{value:,.6g}"

    def _round_values(self) -> list[float]:
        if self.kind == "log":
            exponents = range(
                math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1
            )
            few = len(exponents) <= 4
            found = [m * 10.0**e for e in exponents for m in ((1, 2, 5) if few else (1,))]
            return [v for v in found if self.low <= v <= self.high]
        rough = (self.high - self.low) / 5 or 1.0
        size = 10.0 ** math.floor(math.log10(rough))
        step = size * next(m for m in (1, 2, 5, 10) if m * size >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) for i in range(first, last + 1)]
