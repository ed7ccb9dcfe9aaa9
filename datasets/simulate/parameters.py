"""The values of a parameter in simulated data: a list (one file per value) or a range (one value per sample)."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float

from cape.datasets.simulate.random_numbers import uniform_numbers


@dataclass(frozen=True)
class Values:
    """Fixed values, with one file each."""

    values: tuple[float, ...]

    def __post_init__(self):
        values = tuple(float(v) for v in self.values)
        object.__setattr__(self, "values", values)
        if not values:
            raise ValueError("expected at least one parameter value, got none")
        if not all(math.isfinite(v) for v in values):
            raise ValueError(f"expected finite parameter values, got {values}")
        if len(set(values)) != len(values):
            raise ValueError(
                f"expected every parameter value once (there is one file per value), got {values}"
            )

    @property
    def choices(self) -> tuple["Values", ...]:
        """One `Values` per file."""
        return tuple(Values((value,)) for value in self.values)

    @property
    def label(self) -> str:
        """Text for file names, such as 0.01."""
        return ",".join(str(v) for v in self.values)

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return min(self.values), max(self.values)

    def draw(self, seed: int, name: str, samples: int) -> Float[np.ndarray, " sample"]:
        """Return [sample] filled with the value; there must be exactly one (see `choices`)."""
        (value,) = self.values
        return np.full(samples, value)


@dataclass(frozen=True)
class _Range:
    low: float
    high: float

    def __post_init__(self):
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"expected a range with low < high, got {self.low} to {self.high}")

    @property
    def choices(self) -> tuple[Self, ...]:
        """The range itself: a range makes one file."""
        return (self,)

    @property
    def bounds(self) -> tuple[float, float]:
        """Ends of the range."""
        return self.low, self.high


@dataclass(frozen=True)
class Uniform(_Range):
    """One value per sample, uniform in [low, high)."""

    @property
    def label(self) -> str:
        """Text for file names, such as 0.1-4.0_uniform."""
        return f"{float(self.low)}-{float(self.high)}_uniform"

    def draw(self, seed: int, name: str, samples: int) -> Float[np.ndarray, " sample"]:
        """Draw one value per sample; sample i depends on the seed, the parameter's name and i only."""
        return self.low + (self.high - self.low) * uniform_numbers(seed, name, samples, 1)[:, 0]


@dataclass(frozen=True)
class LogUniform(_Range):
    """One value per sample, whose logarithm is uniform in [log low, log high); both ends are positive."""

    def __post_init__(self):
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(f"expected positive ends of a log-uniform range, got {self.low} to {self.high}")

    @property
    def label(self) -> str:
        """Text for file names, such as 0.001-1.0."""
        return f"{float(self.low)}-{float(self.high)}"

    def draw(self, seed: int, name: str, samples: int) -> Float[np.ndarray, " sample"]:
        """Draw one value per sample; sample i depends on the seed, the parameter's name and i only."""
        return self.low * (self.high / self.low) ** uniform_numbers(seed, name, samples, 1)[:, 0]


ParameterValues = Values | Uniform | LogUniform


def parse(text: str) -> ParameterValues:
    """Read parameter values from text such as "0.01,0.1", "uniform:0.1:4" or "loguniform:1e-3:1".

    Raises:
        ValueError: the text has another form.
    """
    distributions: dict[str, type[Uniform] | type[LogUniform]] = {
        "uniform": Uniform,
        "loguniform": LogUniform,
    }
    first, *ends = text.strip().split(":")
    try:
        if not ends:
            return Values(tuple(_number(part) for part in first.split(",")))
        if first in distributions and len(ends) == 2:
            return distributions[first](*(_number(end) for end in ends))
    except ValueError as error:
        raise ValueError(f"cannot read the parameter values {text!r}: {error}") from None
    raise ValueError(
        f"cannot read the parameter values {text!r}: expected numbers (0.01,0.1) or a range "
        "(uniform:LOW:HIGH or loguniform:LOW:HIGH)"
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not a number") from None
