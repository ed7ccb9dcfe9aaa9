"""Fields over time, as all figures and animations of fields take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from cape.evaluation.evaluation import Example

TRUTH, PREDICTION, ERROR = "truth", "prediction", "prediction − truth"

Frames = Float[np.ndarray, "time *space channel"]


@dataclass
class FieldSeries:
    """Fields of one or several titles, of one shape, with what is needed to draw them.

    Attributes:
        frames: title -> [time, *space, channel] in 1D, 2D or 3D: {"truth": ..., "prediction": ...}, of which figures
            show the error too, {"prediction": ...} alone, or any other titles.
        times: of the frames, in the units of the data.
        channel_names: one per channel.
        coordinates: cell centres, one array per axis; default: cells of a box whose longest side is 1.
        caption: shown above the fields, such as "M = 1 (seen)".

    Raises:
        ValueError: no frames, or shapes that do not fit together.
    """

    frames: Mapping[str, Frames]
    times: Real[np.ndarray, " time"]
    channel_names: Sequence[str] = ("u",)
    coordinates: Sequence[Float[np.ndarray, " _"]] = ()
    caption: str = ""

    def __post_init__(self):
        self.times = np.asarray(self.times, np.float64)
        self.frames = {title: np.asarray(frames) for title, frames in self.frames.items()}
        self._check()
        if not self.coordinates:
            resolution = self.shape[1:-1]
            self.coordinates = tuple((np.arange(n) + 0.5) / max(resolution) for n in resolution)

    @classmethod
    def of(cls, example: Example) -> "FieldSeries":
        """Return truth and prediction of an example."""
        frames = {TRUTH: example.truth, PREDICTION: example.prediction}
        return cls(frames, example.times, example.channel_names, example.coordinates, example.caption)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the frames of each title, [time, *space, channel]."""
        return np.shape(next(iter(self.frames.values())))

    @property
    def dimension(self) -> int:
        """Number of space axes."""
        return len(self.shape) - 2

    def _check(self) -> None:
        shapes = {title: frames.shape for title, frames in self.frames.items()}
        if not shapes:
            raise ValueError("no frames to draw: expected at least a prediction [time, *space, channel]")
        shape = self.shape
        if len(set(shapes.values())) > 1:
            raise ValueError(f"expected frames of one shape [time, *space, channel], got {shapes}")
        if not 3 <= len(shape) <= 5 or 0 in shape:
            raise ValueError(
                f"expected frames [time, *space, channel] with 1 to 3 space axes, got {list(shape)}"
            )
        if (shape[0], shape[-1]) != (len(self.times), len(self.channel_names)):
            raise ValueError(
                f"expected a time for each frame and a name for each channel of {list(shape)}, got {len(self.times)} "
                f"times and {len(self.channel_names)} names"
            )


def with_error(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add prediction − truth if both are given."""
    fields = dict(fields)
    if TRUTH in fields and PREDICTION in fields:
        with np.errstate(over="ignore", invalid="ignore"):  # of a diverged prediction
            fields[ERROR] = fields[PREDICTION] - fields[TRUTH]
    return fields


def without_error(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Leave the error out."""
    return {title: values for title, values in fields.items() if title != ERROR}


def reference(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what sets the colours of fields [time, *space]: the truth, or all fields joined along the first axis of
    space."""
    return fields[TRUTH] if TRUTH in fields else np.concatenate(list(without_error(fields).values()), axis=1)


def plane(frames: Frames) -> Float[np.ndarray, "time x y channel"]:
    """Return the plane that is shown of fields in 2D or 3D: all of it, or the central slice z = const."""
    return frames[:, :, :, frames.shape[3] // 2] if frames.ndim == 5 else frames


def evenly(count: int, most: int) -> list[int]:
    """Choose at most `most` of the numbers 0..count-1, evenly spaced, with the first and the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(max(most, 1), count))})
