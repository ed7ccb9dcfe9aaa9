"""Trajectories: solutions of one PDE at many parameter values, with their names, grid and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from cape.datasets.boundaries import BOUNDARIES
from cape.datasets.fields import Fields, whole
from cape.datasets.frame_digests import DigestsOfCopies
from cape.datasets.names import check_names
from cape.datasets.stores import MemoryStore

Numbering = Literal["position", "seed", "given"]
"""Where the numbers of initial conditions come from: the rows of a file, the seed of a simulation, or the user.

Rows say little about other files: the first frames decide which initial conditions are equal. Numbers of one seed also
tell that two first frames are the same draw at another parameter value or on another grid. Given numbers decide alone.
"""
UNIFORM = 1e-3  # an axis is uniform if its steps deviate by less than this, relatively


@dataclass(frozen=True, eq=False)
class Trajectories:
    """u[sample, time, *space, channel] on disk or in memory, with names, parameters, grid and times.

    Opening, selecting and sub-sampling read no field; `read` reads the fields of the samples that are left.

    Attributes:
        fields: the fields, which are read when they are asked for.
        parameters: [sample, parameter], float64, in the order of `parameter_names`.
        coordinates: one float64 array [n] per axis: cell centres, in the units of the file.
        times: [time], float64, as many as frames.
        boundaries: "periodic", "outgoing" or "wall", one per axis.
        initial_conditions: [sample]; equal numbers mean equal initial conditions, also in different files.
        numbering: where these numbers come from, see `Numbering`.
        equation: "advection", "burgers", "reaction-diffusion", "compressible2d", ... or "unknown".

    Raises:
        ValueError: shapes do not fit, names repeat or are invalid, a boundary is unknown, or parameters are not finite.
    """

    fields: Fields
    parameters: Float[np.ndarray, "sample parameter"]
    parameter_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    coordinates: tuple[Float[np.ndarray, " _"], ...]
    times: Float[np.ndarray, " time"]
    boundaries: tuple[str, ...]
    initial_conditions: Int[np.ndarray, " sample"]
    equation: str = "unknown"
    numbering: Numbering = "position"

    def __post_init__(self):
        samples, frames, *resolution, channels = self.fields.shape
        _expect(self, "parameters", self.parameters.shape, (samples, len(self.parameter_names)))
        check_names(self.channel_names, f"{self.source}: channels")
        check_names(self.parameter_names, f"{self.source}: parameters")
        _expect(self, "channel names", (len(self.channel_names),), (channels,))
        _expect(self, "coordinates", tuple(len(x) for x in self.coordinates), tuple(resolution))
        _expect(self, "times", self.times.shape, (frames,))
        _expect(self, "boundaries", (len(self.boundaries),), (len(resolution),))
        _expect(self, "initial conditions", self.initial_conditions.shape, (samples,))
        for boundary in self.boundaries:
            if boundary not in BOUNDARIES:
                raise ValueError(f"{self.source}: boundary {boundary!r}, expected one of {BOUNDARIES}")
        if not np.isfinite(self.parameters).all():
            raise ValueError(
                f"{self.source}: parameters {self.parameter_names} hold NaN or infinity, expected finite values"
            )

    @property
    def source(self) -> str:
        """The file of the samples, or the first of several files, for messages."""
        names = self.fields.names
        return "<no samples>" if not names else names[0] + (f" (+{len(names) - 1})" if names[1:] else "")

    @property
    def samples(self) -> int:
        return self.fields.shape[0]

    @property
    def frames(self) -> int:
        return self.fields.shape[1]

    @property
    def resolution(self) -> tuple[int, ...]:
        """Points along each axis."""
        return self.fields.shape[2:-1]

    @property
    def dimension(self) -> int:
        return len(self.resolution)

    @property
    def dt(self) -> float:
        """Time between two frames; raises ValueError if there is one frame, or if times are not uniform."""
        if self.frames < 2:
            raise ValueError(f"{self.source}: one frame only, expected at least two for a time step")
        if not is_uniform(self.times):
            steps = np.diff(self.times)
            raise ValueError(
                f"{self.source}: times are not uniform (steps from {steps.min():g} to {steps.max():g}), "
                "expected one constant step; keep a part of the frames with uniform times"
            )
        return float((self.times[-1] - self.times[0]) / (self.frames - 1))

    @property
    def lengths(self) -> tuple[float, ...]:
        """Length of the domain along each axis: number of points times spacing, as coordinates are cell centres."""
        return tuple(float((x[-1] - x[0]) * len(x) / max(len(x) - 1, 1)) for x in self.coordinates)

    def select(self, samples: ArrayLike) -> Trajectories:
        """Return these samples only, reading nothing.

        Args:
            samples: positions, in the order wanted, or a mask [sample].

        Raises:
            ValueError: positions are out of range, or `samples` is neither positions nor a mask.
        """
        chosen = np.asarray(samples)
        chosen = chosen.astype(np.int64) if chosen.size == 0 else chosen
        is_mask = chosen.dtype == bool and chosen.shape == (self.samples,)
        if chosen.ndim != 1 or not (is_mask or np.issubdtype(chosen.dtype, np.integer)):
            raise ValueError(
                f"expected samples as integers [selected] or a mask [{self.samples}], got {chosen.dtype} "
                f"{list(chosen.shape)}"
            )
        if not is_mask and chosen.size and not (chosen.min() >= 0 and chosen.max() < self.samples):
            raise ValueError(
                f"{self.source}: samples {chosen.min()} to {chosen.max()} asked for, "
                f"expected numbers from 0 to {self.samples - 1}"
            )
        chosen = np.flatnonzero(chosen) if is_mask else chosen
        return replace(
            self,
            fields=self.fields.select(chosen),
            parameters=self.parameters[chosen],
            initial_conditions=self.initial_conditions[chosen],
        )

    def where(self, **values: float | Sequence[float]) -> Trajectories:
        """Return the samples with these parameter values, to relative 1e-6, such as `where(Nu=[0.01, 0.1])`.

        Raises:
            ValueError: a parameter is unknown, or no sample has a value.
        """
        keep = np.ones(self.samples, bool)
        for name, wanted in values.items():
            if name not in self.parameter_names:
                raise ValueError(
                    f"{self.source}: no parameter {name!r}, expected one of {self.parameter_names}"
                )
            column = self.parameters[:, self.parameter_names.index(name)]
            asked = np.atleast_1d(np.asarray(wanted, np.float64))
            equal = np.isclose(column[:, None], asked[None, :], rtol=1e-6, atol=0.0)
            if not equal.any(axis=0).all():
                raise ValueError(
                    f"{self.source}: no sample with {name} = {listed(asked[~equal.any(axis=0)])}, "
                    f"found {listed(np.unique(column))}"
                )
            keep &= equal.any(axis=1)
        return self.select(np.flatnonzero(keep))

    def subsample(self, space: int = 1, time: int = 1) -> Trajectories:
        """Keep every `space`-th point of each axis and every `time`-th frame, beginning with the first.

        Raises:
            ValueError: a factor is below 1, or does not divide the number of points of a periodic axis.
        """
        if space < 1 or time < 1:
            raise ValueError(f"expected sub-sampling by 1 or more, got space={space}, time={time}")
        for n, boundary in zip(self.resolution, self.boundaries, strict=True):
            if space > n or (boundary == "periodic" and n % space):
                raise ValueError(
                    f"{self.source}: {n} points of a {boundary} axis cannot be sub-sampled by {space}; expected "
                    f"a divisor of {n}, so that the grid stays uniform across the boundary"
                )
        return replace(
            self,
            fields=self.fields.subsample(space, time),
            coordinates=tuple(x[::space] for x in self.coordinates),
            times=self.times[::time],
        )

    def first_frames(self, n: int) -> Trajectories:
        """Keep the first n frames, of which the initial condition is one, reading nothing."""
        if not 1 <= n <= self.frames:
            raise ValueError(f"{self.source}: {n} frames asked for, there are {self.frames}")
        return replace(self, fields=self.fields.first_frames(n), times=self.times[:n])

    def drop_nonfinite(self) -> Trajectories:
        """Leave out the samples that hold NaN or infinity. This reads all fields, block by block."""
        return self.select(self.fields.finite())

    def read(self, samples: ArrayLike | None = None) -> Float[np.ndarray, "sample time *space channel"]:
        """Read the fields of all samples, or of these samples in this order, as float32.

        Raises:
            ValueError: a sample holds NaN or infinity; the message names the file and the samples.
        """
        return (self if samples is None else self.select(samples)).fields.read()

    def loaded(self) -> Trajectories:
        """Read all fields once and return the same trajectories held in memory.

        Raises:
            ValueError: a sample holds NaN or infinity; the message names the file and the samples.
        """
        in_memory = MemoryStore(self.read(), name=self.source)
        return replace(self, fields=whole(in_memory, DigestsOfCopies(self.fields)))


def is_uniform(x: Float[np.ndarray, " n"]) -> bool:
    """Return whether the steps of an axis are positive and equal, to the precision of float32 coordinates."""
    steps = np.diff(x)
    mean = steps.mean() if steps.size else 1.0
    precision = 4 * np.finfo(np.float32).eps * float(np.abs(x).max(initial=0.0))
    return bool(mean > 0 and np.all(np.abs(steps - mean) <= UNIFORM * mean + precision))


def _expect(trajectories: Trajectories, what: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if tuple(found) != tuple(expected):
        raise ValueError(
            f"{trajectories.source}: expected {what} of shape {list(expected)} to match the fields "
            f"{list(trajectories.fields.shape)} [sample, time, *space, channel], got {list(found)}"
        )


def listed(values: Float[np.ndarray, " n"]) -> str:
    """Return numbers as text, for messages: all of them, or the first and last five of more than twelve."""
    shown = [f"{v:g}" for v in values.tolist()]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:5], "...", *shown[-5:]])
