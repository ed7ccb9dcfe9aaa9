"""Trajectories: solutions of one PDE at many parameter values, with everything that names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from cape.datasets.fields import Fields, MemoryStore, finite_samples, join, whole

BOUNDARIES = ("periodic", "outgoing", "wall")
UNIFORM = 1e-3  # relative deviation of steps below which a float32 axis counts as uniform


@dataclass(frozen=True, eq=False)
class Trajectories:
    """u[sample, time, *space, channel] on disk or in memory, with everything that names it.

    Opening, selecting and sub-sampling read no field; `read` reads what is left.

    Attributes:
        fields: the lazy fields.
        parameters: [sample, parameter], float64, in the order of `parameter_names`.
        coordinates: one float64 array [n] per axis: cell centres, in the units of the file.
        times: [time], float64, as many as frames.
        boundaries: "periodic", "outgoing" or "wall", one per axis.
        initial_conditions: [sample]; equal numbers mean the same initial condition, also in different files.
        equation: "advection", "burgers", "reaction-diffusion", "compressible2d", ... or "unknown".
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
        for kind in self.boundaries:
            if kind not in BOUNDARIES:
                raise ValueError(f"{self.source}: boundary {kind!r}, expected one of {BOUNDARIES}")
        if not np.isfinite(self.parameters).all():
            raise ValueError(f"{self.source}: parameters {self.parameter_names} hold NaN or infinity")

    @property
    def source(self) -> str:
        """The file the samples come from, or the first of several, for messages."""
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
        """Time between two frames; ValueError for a single frame or non-uniform times."""
        if self.frames < 2:
            raise ValueError(f"{self.source}: one frame only, expected at least two to have a time step")
        if not is_uniform(self.times):
            steps = np.diff(self.times)
            raise ValueError(
                f"{self.source}: times are not uniform (steps from {steps.min():g} to {steps.max():g}), "
                "expected one constant step; cut or sub-sample the frames to a uniform stretch"
            )
        return float((self.times[-1] - self.times[0]) / (self.frames - 1))

    @property
    def lengths(self) -> tuple[float, ...]:
        """Length of the domain along each axis: points times spacing, as coordinates are cell centres."""
        return tuple(float((x[-1] - x[0]) * len(x) / max(len(x) - 1, 1)) for x in self.coordinates)

    def select(self, samples: ArrayLike) -> Trajectories:
        """Keep these samples (integers, in this order, or a mask); reads nothing."""
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
        """Keep samples with (one of) these parameter values, to relative 1e-6: `where(Nu=[0.01, 0.1])`."""
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
                    f"{self.source}: no sample with {name} = {_numbers(asked[~equal.any(axis=0)])}, "
                    f"found {_numbers(np.unique(column))}"
                )
            keep &= equal.any(axis=1)
        return self.select(np.flatnonzero(keep))

    def subsample(self, space: int = 1, time: int = 1) -> Trajectories:
        """Keep every `space`-th point of each axis and every `time`-th frame, the first included."""
        if space < 1 or time < 1:
            raise ValueError(f"expected sub-sampling by 1 or more, got space={space}, time={time}")
        for n, kind in zip(self.resolution, self.boundaries, strict=True):
            if space > n or (kind == "periodic" and n % space):
                raise ValueError(
                    f"{self.source}: {n} points of a {kind} axis cannot be sub-sampled by {space}; expected "
                    f"a divisor of {n}, so that the grid stays uniform across the boundary"
                )
        return replace(
            self,
            fields=self.fields.subsample(space, time),
            coordinates=tuple(x[::space] for x in self.coordinates),
            times=self.times[::time],
        )

    def first_frames(self, n: int) -> Trajectories:
        """Keep the first n frames, the initial condition included; reads nothing."""
        if not 1 <= n <= self.frames:
            raise ValueError(f"{self.source}: {n} frames asked for, there are {self.frames}")
        return replace(self, fields=self.fields.first_frames(n), times=self.times[:n])

    def drop_nonfinite(self) -> Trajectories:
        """Leave out the samples that hold NaN or infinity; this one reads all fields, block by block."""
        keep = np.ones(self.samples, bool)
        for rows, block, _ in self.fields.blocks():
            keep[rows] = finite_samples(block)
        return self.select(np.flatnonzero(keep))

    def read(self, samples: ArrayLike | None = None) -> Float[np.ndarray, "sample time *space channel"]:
        """Read the fields as float32, of all samples or of these, in their order.

        Raises:
            ValueError: where a sample read holds NaN or infinity, with the file and the number of samples.
        """
        return (self if samples is None else self.select(samples)).fields.read()


def from_arrays(
    u: ArrayLike,
    parameters: ArrayLike,
    parameter_names: Sequence[str],
    *,
    channel_names: Sequence[str],
    coordinates: Sequence[ArrayLike],
    times: ArrayLike,
    boundaries: Sequence[str],
    equation: str = "unknown",
    initial_conditions: ArrayLike | None = None,
) -> Trajectories:
    """Wrap arrays u [sample, time, *space, channel] and parameters [sample, parameter].

    Without `initial_conditions` every sample has its own.
    """
    u = np.asarray(u)
    if u.ndim < 4:
        raise ValueError(
            f"expected u as [sample, time, *space, channel] (4 axes or more), got {list(u.shape)}"
        )
    return Trajectories(
        fields=whole(MemoryStore(u)),
        parameters=np.asarray(parameters, np.float64),
        parameter_names=tuple(parameter_names),
        channel_names=tuple(channel_names),
        coordinates=tuple(np.asarray(x, np.float64) for x in coordinates),
        times=np.asarray(times, np.float64),
        boundaries=tuple(boundaries),
        initial_conditions=np.asarray(
            np.arange(len(u)) if initial_conditions is None else initial_conditions, np.int64
        ),
        equation=equation,
    )


def concatenate(parts: Sequence[Trajectories]) -> Trajectories:
    """Put samples of one PDE, on one grid and at the same times, one after the other.

    Initial conditions keep their numbers: number 3 of one file and number 3 of another are taken as the same.

    Raises:
        ValueError: where resolutions, channels, parameter names, boundaries, equations, coordinates or times
            differ, naming both files.
    """
    if not parts:
        raise ValueError("expected at least one trajectories object, got none")
    first = parts[0]
    for other in parts[1:]:
        for name in ("resolution", "channel_names", "parameter_names", "boundaries", "equation", "frames"):
            _agree(getattr(first, name) == getattr(other, name), name, first, other)
        for a, b in zip(first.coordinates, other.coordinates, strict=True):
            _agree(np.allclose(a, b, rtol=0, atol=UNIFORM * _step(a)), "coordinates", first, other)
        close = np.allclose(first.times, other.times, rtol=0, atol=UNIFORM * _step(first.times))
        _agree(close, "times", first, other)
    return replace(
        first,
        fields=join([p.fields for p in parts]),
        parameters=np.concatenate([p.parameters for p in parts]),
        initial_conditions=np.concatenate([p.initial_conditions for p in parts]),
    )


def check_names(names: Sequence[str], what: str) -> None:
    """Raise ValueError unless names differ and can be parts of file names, in the folder they are meant for."""
    for name in names:
        if not name.strip() or not name.isprintable() or set(name) & set("/\\:") or name.startswith("."):
            raise ValueError(f"{what}: {name!r} is no name: expected letters, and neither '/', '\\' nor ':'")
    if len(set(names)) < len(names):
        raise ValueError(f"{what}: expected names that differ, got {tuple(names)}")


def is_uniform(x: Float[np.ndarray, " n"]) -> bool:
    """Tell whether the steps of an axis are positive and equal, to the precision of float32 coordinates."""
    steps = np.diff(x)
    mean = steps.mean() if steps.size else 1.0
    precision = 4 * np.finfo(np.float32).eps * float(np.abs(x).max(initial=0.0))
    return bool(mean > 0 and np.all(np.abs(steps - mean) <= UNIFORM * mean + precision))


def _agree(same: bool, attribute: str, first: Trajectories, other: Trajectories) -> None:
    if not same:
        a, b = (_short(getattr(t, attribute)) for t in (first, other))
        raise ValueError(
            f"{attribute.replace('_', ' ')}: {a} in {first.source}, {b} in {other.source}; expected files "
            "given together to agree: give them separately, or sub-sample or cut one to match the other"
        )


def _expect(trajectories: Trajectories, what: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if tuple(found) != tuple(expected):
        raise ValueError(
            f"{trajectories.source}: expected {what} of shape {list(expected)} to go with fields "
            f"{list(trajectories.fields.shape)} [sample, time, *space, channel], got {list(found)}"
        )


def _step(x: np.ndarray) -> float:
    return float(abs(x[-1] - x[0]) / max(len(x) - 1, 1)) or 1.0


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return _numbers(value)
    if isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
        return " x ".join(f"[{x[0]:g}, ..., {x[-1]:g}]" for x in value)
    return str(value)


def _numbers(values: np.ndarray) -> str:
    shown = [f"{v:g}" for v in values.tolist()]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:5], "...", *shown[-5:]])
