"""The cases that are timed: models and shapes of batches, as data."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Case:
    """A base solver with CAPE or alone, and the shape of a batch.

    Attributes:
        name: the name on the command line.
        dimension: number of axes.
        base: "fno" or "unet".
        cape: whether the model is conditioned by CAPE.
        size: the width (FNO) or the features (U-Net) of the published form.
        batch: trajectories of a batch.
        points: grid points per axis.
        frames: frames of a trajectory, the initial one included.
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
    def autoregressive(self) -> int:
        """See `Plan.autoregressive`: the mean over a curriculum from teacher forcing to autoregressive."""
        return self.frames // 2

    @property
    def origin(self) -> float:
        return 0.5 / self.points

    def quick(self) -> "Case":
        """Return the same case with few and short trajectories."""
        # The number of points stays: the published spectral branch needs 16 modes (1D) or 9 (2D) of a quarter of them.
        return dataclasses.replace(
            self, batch=10 if self.dimension == 1 else 2, frames=9 - 2 * self.dimension
        )

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return positive travelling waves [batch, frame, *space, channel] and parameters [batch, parameter]."""
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
