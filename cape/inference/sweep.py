"""Sweeps: the parameter values of a prediction, in every combination and at every initial condition."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cape.datasets.assignment import assignments
from cape.datasets.simulate.parameters import ParameterValues, parse
from cape.problem import Problem
from cape.registry import nearest


def sweep(
    problem: Problem,
    parameter: Sequence[str],
    given: Float[np.ndarray, "sample parameter"] | None,
    samples: int,
    seed: int = 0,
) -> list[Float[np.ndarray, "sample parameter"]]:
    """Return the parameters of every sample, once for each combination of the values.

    Args:
        problem: names the parameters and their trained ranges.
        parameter: "Nu=0.03", "Nu=0.01,0.03,0.1" (each value in turn) or "Nu=loguniform:1e-3:1" (one value drawn per
            sample).
        given: parameters of the samples in the files; parameters without a text keep them. None: there are none.
        samples: how many samples there are.
        seed: the random seed of drawn values.

    Raises:
        ValueError: a text cannot be read, a parameter is unknown, or a parameter has no value.
    """
    values = {name: _parse(name, text) for name, text in assignments(parameter, "parameter").items()}
    for name in values:
        if name not in problem.parameters:
            raise ValueError(
                f"parameter: the surrogate has no parameter {name!r}; {nearest(name, problem.parameters)}"
            )
    missing = [name for name in problem.parameters if name not in values]
    if given is None and missing:
        trained = [text for text in problem.ranges if text.split()[0] in missing]
        raise ValueError(
            f"parameter: expected a value for every parameter, such as {missing[0]}=...; missing: "
            f"{', '.join(missing)} (trained on {'; '.join(trained)})"
        )
    start = np.empty((samples, len(problem.parameters))) if given is None else given
    combinations = []
    choices: list[Sequence[ParameterValues]] = [entry.choices for entry in values.values()]
    for choice in itertools.product(*choices):
        columns = start.copy()
        for name, entry in zip(values, choice, strict=True):
            columns[:, problem.parameters.index(name)] = entry.draw(seed, name, samples)
        combinations.append(columns)
    return combinations


def _parse(name: str, text: str) -> ParameterValues:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"parameter: {name}: {error}") from None
