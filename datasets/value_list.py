"""The parameter values of trajectories as text."""

import numpy as np

from cape.datasets.trajectories import Trajectories

_MOST_SHOWN_VALUES = 12


def value_list(trajectories: Trajectories) -> str:
    """List the parameter values of trajectories, or their range if there are many."""
    described = []
    for name, column in zip(trajectories.parameter_names, trajectories.parameters.T, strict=True):
        values = np.unique(column)
        few = len(values) <= _MOST_SHOWN_VALUES
        shown = ", ".join(f"{v:g}" for v in values) if few else f"{values[0]:g} to {values[-1]:g}"
        described.append(f"{name} {shown}")
    return "; ".join(described)
