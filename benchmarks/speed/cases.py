"""What is timed: models and shapes, as plain data."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Case:
    """A base solver in a dimension, with a CAPE block or alone, and the shape of a batch.

    `size` is the width (FNO) or the features (U-Net) of the published form; `frames` counts the initial one.
    """

    name: str
    dimension: int
    base: str
    cape: bool
    size: int
    batch: int
    points: int
    frames: int

    @property
    def channels(self) -> int:
        return 1 if self.dimension == 1 else 4

    @property
    def parameters(self) -> int:
        return 1 if self.dimension == 1 else 3

    @property
    def resolution(self) -> tuple[int, ...]:
        return (self.points,) * self.dimension

    @property
    def steps(self) -> int:
        return self.frames - 1

    @property
    def feedback(self) -> int:
        """The mean over a curriculum from teacher forcing to autoregressive."""
        return self.frames // 2

    @property
    def origin(self) -> float:
        return 0.5 / self.points

    def quick(self) -> "Case":
        """The same with few and short trajectories."""
        # the published spectral branch wants its 16 modes (1D) or 9 (2D) of a quarter of the points
        return dataclasses.replace(
            self, batch=10 if self.dimension == 1 else 2, frames=9 - 2 * self.dimension
        )

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Make positive travelling waves [batch, frame, *space, channel] and parameters [batch, parameter]."""
        random = np.random.default_rng(0)
        mesh = np.meshgrid(*[np.arange(n) / n for n in self.resolution], indexing="ij")
        phase = sum((i + 1) * x for i, x in enumerate(mesh))[None, None, ..., None]
        time = np.arange(self.frames).reshape(1, -1, *(1,) * (self.dimension + 1)) / 40
        start = random.random((self.batch, 1, *(1,) * self.dimension, self.channels))
        u = 2 + np.sin(2 * np.pi * (phase - time + start))
        return u.astype(np.float32), random.uniform(0.1, 1.0, (self.batch, self.parameters)).astype(
            np.float32
        )


_1D = {"dimension": 1, "batch": 50, "points": 128, "frames": 41}
_2D = {"dimension": 2, "batch": 8, "points": 64, "frames": 21}
CASES = {
    case.name: case
    for case in (
        Case("cape-fno-1d", base="fno", cape=True, size=20, **_1D),
        Case("fno-1d", base="fno", cape=False, size=36, **_1D),
        Case("cape-unet-1d", base="unet", cape=True, size=32, **_1D),
        Case("cape-fno-2d", base="fno", cape=True, size=20, **_2D),
        Case("fno-2d", base="fno", cape=False, size=28, **_2D),
        Case("cape-unet-2d", base="unet", cape=True, size=32, **_2D),
    )
}
