"""The training data of a published surrogate: a check that they are those of the run, and their hash."""

import dataclasses
import functools
import hashlib
from pathlib import Path

import numpy as np

from cape.data import Data
from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluation import Evaluation
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training.joined_problem import joined_problem

_MOST_SAMPLES = 64  # read at once


def check_training_data(run: Path, surrogate: Surrogate, data: Data, evaluation: Evaluation) -> None:
    """Raise ValueError unless a run was trained on these data and its evaluation covers their test set."""
    describe = functools.partial(joined_problem, run.name, surrogate) if surrogate.lineage else Problem.of
    found = describe(data.training)
    for field in dataclasses.fields(Problem):
        a, b = getattr(found, field.name), getattr(surrogate.problem, field.name)
        statistic = field.name.startswith("channel_")
        if statistic and not b:  # a folder of an earlier version does not record it
            continue
        # the statistics of data simulated again on another machine differ by rounding
        if a != b and not (statistic and np.allclose(a, b, rtol=1e-4, atol=1e-6)):
            raise ValueError(f"{run}: the data are not those it was trained on: {field.name} is {a}, was {b}")
    counts = (len(evaluation.times), sum(row.samples for row in evaluation.rows))
    predicted = data.test.frames - surrogate.window.history
    if counts != (predicted, data.test.samples):
        raise ValueError(
            f"{run / 'evaluation'}: {counts[1]} trajectories over {counts[0]} steps, expected the "
            f"{data.test.samples} test trajectories over {predicted}; run `cape train` again"
        )


def training_hash(training: Trajectories) -> str:
    """Compute the SHA-256 of the parameters (float64) followed by the fields (float32), both little-endian."""
    digest = hashlib.sha256(np.ascontiguousarray(training.parameters, "<f8").tobytes())
    for _, _, block in training.fields.in_order(_MOST_SAMPLES):
        digest.update(np.ascontiguousarray(block, "<f4").data)
    return digest.hexdigest()
