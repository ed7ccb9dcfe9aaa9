"""The result of an inference: values, intervals, noise, errors and warnings, as text and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.atomic import write_text
from cape.evaluation.text_table import Table

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Profile:
    """How far each value of a parameter is from the estimate, in standard deviations.

    Attributes:
        values: of the parameter, increasing.
        distance: 0 at the estimate.
    """

    values: Float[np.ndarray, "trajectory point"]
    distance: Float[np.ndarray, "trajectory point"]


@dataclass(frozen=True, eq=False, repr=False)
class Inference:
    """What `cape.infer` returns. Printed, it is a text.

    Attributes:
        values: the estimate of each sought parameter.
        interval: for each sought parameter the ends of the interval that holds the true value with probability `level`.
        covariance: of the sought parameters, in their order; it is that of a normal distribution with these intervals.
        level: probability of the intervals.
        noise: standard deviation of the noise of each channel, in its units.
        noise_estimated: whether the noise was estimated; it was given otherwise.
        forward_error: error of the rollout at the estimate that the noise does not explain, over the observation
            (root mean squares). This is an error of the surrogate, not of the estimate.
        calibrated_on: number of trajectories with known parameters that the widths of the intervals are calibrated on;
            0 if they are not calibrated.
        warnings: what to know about each trajectory before its estimate is used.
        profiles: how the distance from the estimate grows with each parameter.
        members: the estimate of each member of an ensemble; none for a single surrogate.
        observed, fitted: the observation and the rollout at the estimate.
    """

    values: dict[str, Float[np.ndarray, " trajectory"]]
    interval: dict[str, Float[np.ndarray, "trajectory 2"]]
    covariance: Float[np.ndarray, "trajectory sought sought"]
    level: float
    noise: dict[str, Float[np.ndarray, " trajectory"]]
    noise_estimated: bool
    forward_error: Float[np.ndarray, " trajectory"]
    calibrated_on: int
    warnings: tuple[tuple[str, ...], ...]
    profiles: dict[str, Profile]
    members: dict[str, Float[np.ndarray, "trajectory member"]]
    observed: Float[np.ndarray, "trajectory time *points observed"]
    fitted: Float[np.ndarray, "trajectory time *points observed"]

    @property
    def trajectories(self) -> int:
        return len(self.forward_error)

    def __str__(self) -> str:
        lines = self._one() if self.trajectories == 1 else [str(self._table())]
        how = "estimated from the residual" if self.noise_estimated else "given"
        noise = ", ".join(f"{name} {np.median(level):.3g}" for name, level in self.noise.items())
        median = "median " if self.trajectories > 1 else ""
        lines.append(f"{median}noise ({how}): {noise}")
        lines.append(
            f"{median}error of the rollout at the estimate, without the noise: {np.median(self.forward_error):.3g} of "
            "the observation"
        )
        lines.append(self._widths())
        for trajectory, found in enumerate(self.warnings):
            at = f" (trajectory {trajectory})" if self.trajectories > 1 else ""
            lines += [f"warning{at}: {text}" for text in found]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Inference of {', '.join(self.values)} from {self.trajectories} trajectory(ies)>"

    def _widths(self) -> str:
        count = next(iter(self.members.values())).shape[1]
        if self.calibrated_on:
            return f"intervals calibrated on {self.calibrated_on} trajectories with known parameters"
        if count:
            return f"intervals not calibrated: the surrogate's error is taken from the estimates of its {count} members"
        return "intervals not calibrated: the surrogate's error is taken to have the worst shape, so they are wide"

    def _one(self) -> list[str]:
        return [
            f"{name} = {value[0]:.4g}   {100 * self.level:.3g} % interval {self.interval[name][0, 0]:.4g} to "
            f"{self.interval[name][0, 1]:.4g}"
            for name, value in self.values.items()
        ]

    def _table(self) -> Table:
        head = ["trajectory"]
        for name in self.values:
            head += [name, f"{100 * self.level:.3g} % from", "to"]
        rows = [
            [str(trajectory), *_cells(self, trajectory), f"{len(self.warnings[trajectory]) or ''}"]
            for trajectory in range(self.trajectories)
        ]
        return Table([*head, "warnings"], rows)

    def to_dict(self) -> dict:
        """Return everything but the profiles and the fields, as JSON takes it."""
        return {
            "format": FORMAT,
            "level": self.level,
            "calibrated_on": self.calibrated_on,
            "noise_estimated": self.noise_estimated,
            "trajectories": [
                {
                    "values": {name: float(value[i]) for name, value in self.values.items()},
                    "interval": {name: ends[i].tolist() for name, ends in self.interval.items()},
                    "members": {name: each[i].tolist() for name, each in self.members.items() if each.size},
                    "covariance": self.covariance[i].tolist(),
                    "noise": {name: float(level[i]) for name, level in self.noise.items()},
                    "forward_error": float(self.forward_error[i]),
                    "warnings": list(self.warnings[i]),
                }
                for i in range(self.trajectories)
            ],
        }

    def write(self, path: str | Path) -> Path:
        """Write `to_dict` as JSON, atomically."""
        return write_text(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")


def _cells(inference: Inference, trajectory: int) -> Iterator[str]:
    for name, value in inference.values.items():
        for number in (value[trajectory], *inference.interval[name][trajectory]):
            yield f"{number:.4g}"
