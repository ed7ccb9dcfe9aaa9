"""Validation: the error of full rollouts, by which a training chooses the weights it keeps."""

from typing import Any

import jax
import numpy as np
from flax import nnx

from cape.datasets.trajectories import Trajectories
from cape.objective import Objective, frame_errors
from cape.rollout import rollout
from cape.surrogate import Surrogate


class Validation:
    """The mean error of all frames of full rollouts over validation data, for any weights of one surrogate.

    Args:
        batch: trajectories rolled out together.
        scale: see `objective.evaluate`.
    """

    def __init__(self, surrogate: Surrogate, data: Trajectories, objective: Objective, batch: int, scale):
        self.truth = data.read()
        self.parameters = data.parameters.astype(np.float32)
        self.batch = min(batch, data.samples)
        graphdef, _, _ = nnx.split(surrogate, nnx.Param, ...)

        @jax.jit
        def errors(params, rest, truth, p):
            prediction = rollout(nnx.merge(graphdef, params, rest).at(p), truth[:, 0], truth.shape[1] - 1)
            return frame_errors(objective, prediction, truth[:, 1:], scale).mean(1)

        self._errors = errors

    def __call__(self, params: Any, rest: Any) -> float:
        samples = len(self.truth)
        each = []
        for first in range(0, samples, self.batch):
            chosen = np.arange(first, first + self.batch) % samples  # the last batch is filled up, then cut
            each.append(np.asarray(self._errors(params, rest, self.truth[chosen], self.parameters[chosen])))
        return float(np.concatenate(each)[:samples].mean())
