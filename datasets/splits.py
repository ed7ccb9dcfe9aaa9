"""Splits by initial condition (train, validation, test) and by parameter value (seen, interpolated, extrapolated)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cape.datasets.trajectories import Trajectories

Kind = Literal["seen", "interpolated", "extrapolated"]
SAME = 1e-6  # two parameter values are equal if they differ by less than this, relatively


@dataclass(frozen=True)
class InitialConditionSplit:
    """Splits trajectories by initial condition, so that no initial condition is in two parts.

    Files of one data set often share their initial conditions. A split by position would put one initial condition, at
    different parameter values, into training and test. The split depends on `seed` and on the set of initial
    conditions only.

    Attributes:
        validation, test: fractions of the initial conditions, 0 for an empty part.
        seed: seed of the permutation of initial conditions.

    Raises:
        ValueError: fractions are negative or leave nothing to train on.
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
        """Return (train, validation, test), reading nothing; samples keep their order.

        Raises:
            ValueError: a part that is asked for would have no initial condition.
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
    """Compare one parameter vector [parameter] with those of the training [n, parameter].

    Returns:
        "seen" if it equals one of them to relative 1e-6; "interpolated" if each parameter is within its range in the
        training; "extrapolated" otherwise.

    Raises:
        ValueError: shapes do not fit.
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
