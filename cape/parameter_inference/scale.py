"""The scale of sought parameters: each lies in an interval, which is mapped to 0 to 1, on a logarithmic axis or not."""

import dataclasses
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.problem import Problem, is_logarithmic
from cape.registry import nearest

Bounds = Mapping[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class ParameterScale:
    """The sought parameters and their bounds, and the values of the known ones.

    A position x in [0, 1] stands for a value between the bounds: low (high / low)ˣ if the axis is logarithmic,
    low + x (high − low) otherwise.

    Attributes:
        parameters: all parameters of the surrogate, in its order.
        sought: names of the sought parameters, in the same order.
        low, high: bounds of the sought parameters.
        logarithmic: whether the axis of each sought parameter is logarithmic.
        known: (name, value) of each other parameter.
    """

    parameters: tuple[str, ...]
    sought: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    logarithmic: tuple[bool, ...]
    known: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(
        cls, problem: Problem, bounds: Bounds | None = None, known: Mapping[str, float] | None = None
    ) -> "ParameterScale":
        """Choose the scale of a surrogate's parameters.

        An axis is logarithmic if both bounds are positive and one is at least 5 times the other.

        Args:
            problem: names the parameters and their trained ranges.
            bounds: (low, high) by name; parameters without bounds keep to the trained range.
            known: values of parameters that are not sought.

        Raises:
            ValueError: a name is unknown, bounds are not finite or not increasing, nothing is sought, or a parameter
                has one trained value only and no bounds.
        """
        bounds, known = dict(bounds or {}), {name: float(v) for name, v in (known or {}).items()}
        for what, names in (("bounds", bounds), ("known", known)):
            for name in names:
                if name not in problem.parameters:
                    raise ValueError(
                        f"{what}: the surrogate has no parameter {name!r}; {nearest(name, problem.parameters)}"
                    )
        for name, value in known.items():
            if name in bounds:
                raise ValueError(f"bounds, known: {name} is given in both; give bounds for sought parameters")
            if not math.isfinite(value):
                raise ValueError(f"known: expected a finite value of {name}, got {value}")
        sought = tuple(name for name in problem.parameters if name not in known)
        if not sought:
            raise ValueError(
                f"known: all parameters {problem.parameters} are known, so there is none to infer"
            )
        ends = [_ends(problem, name, bounds) for name in sought]
        low, high = (tuple(column) for column in zip(*ends, strict=True))
        logarithmic = tuple(is_logarithmic(*end) for end in ends)
        return cls(problem.parameters, sought, low, high, logarithmic, tuple(known.items()))

    def vector(self, x: Float[Array, "batch sought"]) -> Float[Array, "batch parameter"]:
        """Return the parameters of the surrogate at positions, known ones included."""
        columns = {name: jnp.full(x.shape[:1], value, x.dtype) for name, value in self.known}
        columns |= {name: self._value(x[:, i], i) for i, name in enumerate(self.sought)}
        return jnp.stack([columns[name] for name in self.parameters], -1)

    def values(self, x: Float[np.ndarray, "*batch sought"]) -> Float[np.ndarray, "*batch sought"]:
        """Return the values of the sought parameters at positions."""
        return np.stack([np.asarray(self._value(x[..., i], i)) for i in range(len(self.sought))], -1)

    def positions(self, values: Float[np.ndarray, "*batch sought"]) -> Float[np.ndarray, "*batch sought"]:
        """Return the positions of values of the sought parameters."""
        columns = []
        for i, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            v = values[..., i]
            columns.append(
                np.log(v / low) / math.log(high / low) if self.logarithmic[i] else (v - low) / (high - low)
            )
        return np.stack(columns, -1)

    def slopes(self, x: Float[np.ndarray, "*batch sought"]) -> Float[np.ndarray, "*batch sought"]:
        """Return the derivative of each value with respect to its position."""
        value = self.values(x)
        columns = [
            value[..., i] * math.log(high / low) if self.logarithmic[i] else np.full(x.shape[:-1], high - low)
            for i, (low, high) in enumerate(zip(self.low, self.high, strict=True))
        ]
        return np.stack(columns, -1)

    def _value(self, x, i: int):
        low, high = self.low[i], self.high[i]
        if not self.logarithmic[i]:
            return low + x * (high - low)
        exponent = x * math.log(high / low)
        return low * (jnp.exp(exponent) if isinstance(x, jax.Array) else np.exp(exponent))


def _ends(problem: Problem, name: str, bounds: Bounds) -> tuple[float, float]:
    """Return the bounds of a sought parameter."""
    i = problem.parameters.index(name)
    try:
        low, high = (float(end) for end in bounds.get(name, (problem.low[i], problem.high[i])))
    except (TypeError, ValueError):
        raise ValueError(f"bounds: expected (low, high) of {name}, got {bounds[name]!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        if name not in bounds:
            raise ValueError(
                f"bounds: the surrogate was trained at {name} = {low:g} only, so it cannot tell values apart; give "
                f"{name} in `known`"
            )
        raise ValueError(f"bounds: expected finite low < high of {name}, got {low:g} and {high:g}")
    return low, high
