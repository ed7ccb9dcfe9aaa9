"""Sweep: the parameter values of a prediction, every combination at every initial condition."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cape.config import nearest
from cape.datasets.assignment import assignments
from cape.datasets.simulate.parameters import ParameterValues, parse
from cape.problem import Problem

OPTION = "--parameter"


def sweep(
    problem: Problem,
    texts: Sequence[str],
    given: Float[np.ndarray, "sample parameter"] | None,
    samples: int,
    seed: int = 0,
) -> list[Float[np.ndarray, "sample parameter"]]:
    """Give the parameters of every sample, once for each combination of the values asked for.

    Args:
        texts: "Nu=0.03", "Nu=0.01,0.03,0.1" (each value) or "Nu=loguniform:1e-3:1" (one drawn for each sample).
        given: values of the initial conditions' files, kept by parameters that are not named; None: there are none.
        seed: what is drawn follows from it.

    Raises:
        ValueError: a text that cannot be read, an unknown parameter, or one that has no value.
    """
    values = {name: _read(name, text) for name, text in assignments(texts, OPTION).items()}
    for name in values:
        if name not in problem.parameters:
            close = nearest(name, problem.parameters)
            raise ValueError(f"{OPTION}: the surrogate has no parameter {name!r}; {close}")
    missing = [name for name in problem.parameters if name not in values]
    if given is None and missing:
        trained = [text for text in problem.ranges if text.split()[0] in missing]
        raise ValueError(
            f"{OPTION}: expected a value for every parameter, such as {missing[0]}=...; missing: "
            f"{', '.join(missing)} (trained on {'; '.join(trained)})"
        )
    start = np.empty((samples, len(problem.parameters))) if given is None else given
    combinations = []
    for choice in itertools.product(*(entry.choices for entry in values.values())):
        columns = start.copy()
        for name, entry in zip(values, choice, strict=True):
            columns[:, problem.parameters.index(name)] = entry.draw(seed, name, samples)
        combinations.append(columns)
    return combinations


def _read(name: str, text: str) -> ParameterValues:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{OPTION}: {name}: {error}") from None
