"""The summary that a training prints before it starts."""

import math

from cape.data import Data
from cape.datasets.initial_conditions import note_of_ambiguity
from cape.datasets.value_list import value_list
from cape.identification.text import equation_text
from cape.model.arrays import count_weights
from cape.model.conditioning import CONDITIONINGS
from cape.solvers.solver import SOLVERS
from cape.surrogate import Surrogate


def describe(surrogate: Surrogate, data: Data) -> str:
    """Summarise the data and the model of a training in a few lines."""
    problem, config = surrogate.problem, surrogate.config
    grid = " x ".join(map(str, problem.resolution))
    conserved = [name for name, kept in zip(problem.channels, surrogate.conserved, strict=True) if kept]
    conditioning, base = CONDITIONINGS.name_of(type(config.conditioning)), SOLVERS.name_of(type(config.base))
    model = f"{conditioning} around {base}: {count_weights(surrogate):,} weights to train"
    if config.members > 1:
        model += f" in {config.members} members"
    if config.history > 1:
        model += f"; a step takes {config.history} frames and gives {config.bundle}"
    if conserved:
        model += f"; the mean of {', '.join(conserved)} is conserved, as in the training data"
    if surrogate.equation is not None:
        model += f"\nidentified {equation_text(surrogate.equation, problem)}\n           "
        model += (
            f"(error of a step at values left out: {math.sqrt(surrogate.equation.misfit):.1%} of the change)"
        )
    elif config.identify:
        model += "\nno equation was identified that explains the data"
    start = f"start      {surrogate.lineage[-1].start}\n" if surrogate.lineage else ""
    return (
        f"{problem.equation}: {', '.join(problem.channels)} on {grid} points, {problem.steps} steps of "
        f"{problem.dt:.4g}\n"
        f"{start}train      {data.training.samples:5} trajectories, {value_list(data.training)}\n"
        f"validate   {data.validation.samples:5}\n"
        f"evaluate   {data.test.samples:5}, {value_list(data.test)}\n{note_of_ambiguity(data.training)}{model}"
    )
