"""What all pictures of fields share: which plane of them is shown, where it lies, in which colours.

Frames are [time, *space, channel] in one to three space dimensions, several by title: "truth" and
"prediction", or a prediction alone. Everything here is numbers; drawing is for the files that import this one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

TRUTH, PREDICTION, ERROR = "truth", "prediction", "prediction − truth"
_ONE_SIDED = 0.1  # a field whose smaller extreme is below this part of the larger one counts as of one sign
_STEADY = 4.0  # factor by which the range of a field may change while one scale shows all its frames
_KEPT = 0.75  # part of the frames a scale holds where it cannot show all
_LEAST = 0.1  # of the full range: a scale is no narrower, else it would show round-off

Frames = Float[np.ndarray, "time *space channel"]


@dataclass(frozen=True)
class Scale:
    """Limits and colour map of a field, and whether values lie beyond the limits."""

    low: float
    high: float
    colours: str
    extend: str = "neither"

    @property
    def style(self) -> dict:
        """What `imshow` takes of it."""
        return {"vmin": self.low, "vmax": self.high, "cmap": self.colours}


def check_frames(
    frames_by_title: Mapping[str, Frames], times: Float[np.ndarray, " time"], channel_names: Sequence[str]
) -> None:
    """Raise ValueError unless all frames have one shape [time, *space, channel] that fits times and names."""
    shapes = {title: np.shape(frames) for title, frames in frames_by_title.items()}
    if not shapes:
        raise ValueError("no frames to draw: expected at least a prediction [time, *space, channel]")
    shape = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1:
        raise ValueError(f"expected frames of one shape [time, *space, channel], got {shapes}")
    if not 3 <= len(shape) <= 5 or 0 in shape:
        raise ValueError(f"expected frames [time, *space, channel] with 1 to 3 space axes, got {list(shape)}")
    if (shape[0], shape[-1]) != (len(times), len(channel_names)):
        raise ValueError(
            f"expected a time for each frame and a name for each channel of {list(shape)}, got {len(times)} "
            f"times and {len(channel_names)} names"
        )


def with_error(frames_by_title: Mapping[str, Frames]) -> dict[str, Frames]:
    """Add prediction − truth where both are there."""
    frames = dict(frames_by_title)
    if TRUTH in frames and PREDICTION in frames:
        frames[ERROR] = frames[PREDICTION] - frames[TRUTH]
    return frames


def reference(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give what sets the colours of fields [time, *space] by title: the truth, or all of them side by side."""
    return fields[TRUTH] if TRUTH in fields else np.concatenate(list(without_error(fields).values()), axis=1)


def without_error(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Leave the error out."""
    return {title: values for title, values in fields.items() if title != ERROR}


def plane(frames: Frames) -> Float[np.ndarray, "time x y channel"]:
    """Give the plane that is shown of fields in 2D or 3D: all of it, or the central slice z = const."""
    return frames[:, :, :, frames.shape[3] // 2] if frames.ndim == 5 else frames


def evenly(count: int, most: int) -> list[int]:
    """Choose at most `most` of the numbers 0..count-1, evenly spaced, the first and the last included."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(max(most, 1), count))})


def field_scale(reference: Frames, others: Sequence[Frames] = ()) -> Scale:
    """Fit a scale to frames: diverging and symmetric about zero where they take both signs, else sequential.

    Where the range of a field changes much in time, so that most frames would be pale on a scale that holds them
    all, the scale leaves out the quarter of the frames with the largest values; `extend` tells of values beyond.

    Args:
        reference: [time, ...] sets the limits: the truth, or what is shown in its place.
        others: shown in the same colours.
    """
    frames = [frame[np.isfinite(frame)] for frame in reference]
    lows, highs = np.array([(f.min(), f.max()) for f in frames if f.size] or [(0.0, 1.0)]).T
    low, high = float(lows.min()), float(highs.max())
    if changes_much(reference):
        room = _LEAST * (high - low) / 2
        low, high = float(np.quantile(lows, 1 - _KEPT)), float(np.quantile(highs, _KEPT))
        low, high = min(low, (low + high) / 2 - room), max(high, (low + high) / 2 + room)
    colours = "viridis"
    if low < 0 < high and min(-low, high) > _ONE_SIDED * max(-low, high):
        high = max(-low, high)
        low, colours = -high, "RdBu_r"
    if low == high:
        room = 0.05 * abs(low) or 1.0
        low, high = low - room, high + room
    return Scale(low, high, colours, _beyond(low, high, [reference, *others]))


def changes_much(frames: Frames) -> bool:
    """Tell whether the range of a field, max - min over space, changes by more than a factor of 4 in time."""
    finite = [frame[np.isfinite(frame)] for frame in frames]
    ranges = [float(frame.max() - frame.min()) for frame in finite if frame.size]
    return bool(ranges) and max(ranges) > _STEADY * min(ranges)


def error_scale(error: np.ndarray, field: Scale) -> Scale:
    """Fit a scale to an error: symmetric, never wider than the field itself, in colours no field has."""
    values = np.abs(error[np.isfinite(error)])
    widest = field.high - field.low
    top = min(float(values.max(initial=0.0)) or widest, widest)
    return Scale(-top, top, "PuOr_r", _beyond(-top, top, [error]))


def extent(coordinates: Sequence[np.ndarray]) -> list[float]:
    """Give the edges of the outer cells along each axis, from the cell centres: [low, high, low, high, ...]."""
    return [edge for x in coordinates for edge in (x[0] - _half(x), x[-1] + _half(x))]


def box(coordinates: Sequence[np.ndarray]) -> tuple[dict, float]:
    """Give how `imshow` places a plane, and its height over its width, kept within 0.4 and 2."""
    edges = extent(coordinates[:2])
    ratio = (edges[3] - edges[2]) / (edges[1] - edges[0])
    tall = float(np.clip(ratio, 0.4, 2.0))
    place = {"extent": edges, "origin": "lower", "interpolation": "nearest"}
    return place | {"aspect": "equal" if tall == ratio else "auto"}, tall


def cells(resolution: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Give cell centres of a unit box's longest axis: what stands for coordinates that are not known."""
    return tuple((np.arange(n) + 0.5) / max(resolution) for n in resolution)


def _half(centres: np.ndarray) -> float:
    return float(centres[-1] - centres[0]) / max(len(centres) - 1, 1) / 2


def _beyond(low: float, high: float, fields: Sequence[np.ndarray]) -> str:
    slack = 1e-3 * (high - low)
    under = any((f[np.isfinite(f)] < low - slack).any() for f in fields)
    over = any((f[np.isfinite(f)] > high + slack).any() for f in fields)
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[under, over]
