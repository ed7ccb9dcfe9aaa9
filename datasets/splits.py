"""Splits by initial condition (train, validation, test) and by parameter value (seen, interpolated, ...)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cape.datasets.trajectories import Trajectories

Kind = Literal["seen", "interpolated", "extrapolated"]
SAME = 1e-6  # relative difference below which two parameter values are one


@dataclass(frozen=True)
class InitialConditionSplit:
    """Part trajectories by initial condition, so that none is in two parts.

    Files of one benchmark start from the same initial conditions: a split by position would put the same
    start, at another parameter value, into training and test. Which initial condition goes where depends on
    `seed` and on the set of initial conditions only.

    Attributes:
        validation, test: fractions of the initial conditions, 0 for an empty part.
        seed: of the permutation.
    """

    validation: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self):
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ValueError(
                f"expected fractions of at least 0 with a sum below 1, got validation={self.validation}, "
                f"test={self.test}"
            )

    def split(self, trajectories: Trajectories) -> tuple[Trajectories, Trajectories, Trajectories]:
        """Give (train, validation, test), reading nothing; samples keep their order.

        Raises:
            ValueError: where a part that was asked for would hold no initial condition.
        """
        ids = np.unique(trajectories.initial_conditions)
        counts = {name: round(getattr(self, name) * len(ids)) for name in ("validation", "test")}
        counts["train"] = len(ids) - sum(counts.values())
        for name, count in counts.items():
            if count < 1 and (name == "train" or getattr(self, name) > 0):
                raise ValueError(
                    f"{trajectories.source}: no initial condition left for {name}: {len(ids)} in all, split "
                    f"by validation={self.validation}, test={self.test}; give more samples or other fractions"
                )
        shuffled = np.random.default_rng(self.seed).permutation(ids)
        test, validation, train = np.split(shuffled, [counts["test"], counts["test"] + counts["validation"]])
        ids = trajectories.initial_conditions
        return (
            trajectories.select(np.isin(ids, train)),
            trajectories.select(np.isin(ids, validation)),
            trajectories.select(np.isin(ids, test)),
        )


def kind_of(values: ArrayLike, training_values: ArrayLike) -> Kind:
    """Tell how one parameter vector [parameter] lies to those of training [n, parameter].

    "seen": equal to one of them to relative 1e-6; "interpolated": each parameter within the range it had in
    training; "extrapolated": otherwise.
    """
    values = np.asarray(values, np.float64)
    trained = np.asarray(training_values, np.float64)
    if values.ndim != 1 or trained.ndim != 2 or trained.shape[1:] != values.shape or len(trained) == 0:
        raise ValueError(
            f"expected values [parameter] and training values [n, parameter], got {list(values.shape)} and "
            f"{list(trained.shape)}"
        )
    if np.isclose(values, trained, rtol=SAME, atol=0.0).all(axis=1).any():
        return "seen"
    low, high = trained.min(axis=0), trained.max(axis=0)
    inside = (values >= low) & (values <= high)
    at_edge = np.isclose(values, low, rtol=SAME, atol=0.0) | np.isclose(values, high, rtol=SAME, atol=0.0)
    return "interpolated" if (inside | at_edge).all() else "extrapolated"
