"""Colour scales of fields and of their errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, "time ..."]

_ONE_SIDED = 0.1  # a field whose smaller extreme is below this part of the larger one counts as of one sign
_STEADY = 4.0  # factor by which the range of a field may change while one scale shows all its frames
_SHOWN = 0.75  # part of the frames that fit on a scale which cannot show all of them
_LEAST = 0.1  # of the full range: narrower scales would show round-off


@dataclass(frozen=True)
class Scale:
    """Limits and colour map of a field.

    Attributes:
        low, high: the limits.
        colours: name of the colour map.
        extend: where values lie beyond the limits: "neither", "min", "max" or "both".
    """

    low: float
    high: float
    colours: str
    extend: str = "neither"

    @property
    def style(self) -> dict:
        """Arguments of `imshow`."""
        return {"vmin": self.low, "vmax": self.high, "cmap": self.colours}

    def clip(self, values: np.ndarray) -> np.ndarray:
        """Limit values to just beyond the scale; the colours of huge ones would overflow in float32."""
        room = self.high - self.low
        return np.clip(values, self.low - room, self.high + room)


def field_scale(reference: Series, others: Sequence[Series] = ()) -> Scale:
    """Fit a scale to frames: diverging and symmetric about zero if they take both signs, otherwise sequential.

    If the range of a field changes much in time, most frames would be pale on a scale that holds them all. The scale
    then leaves out the quarter of the frames with the largest values.

    Args:
        reference: [time, ...], sets the limits: the truth, or what is shown instead of it.
        others: shown in the same colours.
    """
    frames = [frame[np.isfinite(frame)] for frame in reference]
    lows, highs = np.array([(f.min(), f.max()) for f in frames if f.size] or [(0.0, 1.0)]).T
    low, high = float(lows.min()), float(highs.max())
    if changes_much(reference):
        room = _LEAST * (high - low) / 2
        low, high = float(np.quantile(lows, 1 - _SHOWN)), float(np.quantile(highs, _SHOWN))
        low, high = min(low, (low + high) / 2 - room), max(high, (low + high) / 2 + room)
    colours = "viridis"
    if low < 0 < high and min(-low, high) > _ONE_SIDED * max(-low, high):
        high = max(-low, high)
        low, colours = -high, "RdBu_r"
    if low == high:
        room = 0.05 * abs(low) or 1.0
        low, high = low - room, high + room
    return Scale(low, high, colours, _beyond(low, high, [reference, *others]))


def changes_much(frames: Series) -> bool:
    """Return whether the range of a field, max - min over space, changes by more than a factor of 4 in time."""
    finite = [frame[np.isfinite(frame)] for frame in frames]
    ranges = [float(frame.max()) - float(frame.min()) for frame in finite if frame.size]
    return bool(ranges) and max(ranges) > _STEADY * min(ranges)


def error_scale(error: Series, field: Scale) -> Scale:
    """Fit a scale to an error: symmetric, not wider than that of the field, in colours that no field has."""
    values = np.abs(error[np.isfinite(error)])
    widest = field.high - field.low
    top = min(float(values.max(initial=0.0)) or widest, widest)
    return Scale(-top, top, "PuOr_r", _beyond(-top, top, [error]))


def _beyond(low: float, high: float, fields: Sequence[np.ndarray]) -> str:
    """Return where finite values lie beyond the limits, in the words of matplotlib."""
    slack = 1e-3 * (high - low)
    under = any((f[np.isfinite(f)] < low - slack).any() for f in fields)
    over = any((f[np.isfinite(f)] > high + slack).any() for f in fields)
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[under, over]
