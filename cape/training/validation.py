"""Validation: the errors of full rollouts, by which a training chooses the weights it keeps."""

from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float

from cape.datasets.trajectories import Trajectories
from cape.surrogate import Surrogate
from cape.training.objective import Objective, frame_errors


class Validation:
    """The mean error over the rollout of every validation trajectory, for any weights of one surrogate.

    Args:
        batch: trajectories rolled out together.
        scale: see `objective.evaluate`.
    """

    def __init__(self, surrogate: Surrogate, data: Trajectories, objective: Objective, batch: int, scale):
        self.truth = data.read()
        self.parameters = data.parameters.astype(np.float32)
        self.batch = min(batch, data.samples)
        graphdef, _, _ = nnx.split(surrogate, nnx.Param, ...)
        window = surrogate.window

        @jax.jit
        def errors(params, rest, truth, p):
            step, given = nnx.merge(graphdef, params, rest).at(p), window.history
            prediction = window.rollout(step, truth[:, :given], truth.shape[1] - given)
            return frame_errors(objective, prediction, truth[:, given:], scale).mean(1)

        self._errors = errors

    def __call__(self, params: Any, rest: Any) -> Float[np.ndarray, " trajectory"]:
        samples = len(self.truth)
        each = []
        for first in range(0, samples, self.batch):
            chosen = np.arange(first, first + self.batch) % samples  # the last batch is filled up, then cut
            each.append(np.asarray(self._errors(params, rest, self.truth[chosen], self.parameters[chosen])))
        return np.concatenate(each)[:samples]


def no_worse(errors: Float[np.ndarray, " trajectory"], lowest: Float[np.ndarray, " trajectory"]) -> bool:
    """Tell whether weights do as well as the best ones so far, as far as the validation trajectories can tell.

    They do unless their mean error is larger by more than the standard error of the difference: validation data are
    few, the learning rate falls, and of weights that cannot be told apart the later ones are the better choice.
    """
    if not np.isfinite(errors).all():
        return False
    if not np.isfinite(lowest).all():
        return True
    more = errors - lowest
    chance = more.std(ddof=1) / np.sqrt(len(more)) if len(more) > 1 else 0.0
    return bool(more.mean() <= chance)
