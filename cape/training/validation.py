"""Validation: the errors of full rollouts, by which a training chooses the weights it keeps."""

from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from cape.datasets.trajectories import Trajectories
from cape.surrogate import Surrogate
from cape.training.functional_model import split
from cape.training.members import of_each_member
from cape.training.mesh import AXIS, TRAJECTORIES, on_each_device, replicated
from cape.training.objective import Objective, frame_errors

_SMALLEST_BATCH = 32


class Validation:
    """Compute the mean error over the rollout of every validation trajectory, for any weights of one surrogate.

    Every member of an ensemble is rolled out by itself.

    Args:
        surrogate: gives the structure of the model.
        data: the validation trajectories.
        objective: gives the error of a frame.
        batch: number of trajectories in one rollout; at least 32 are rolled out together if there are as many.
        channel_std: standard deviation of each channel, see `UpdateInput`.
        mesh: the devices that share the trajectories; None: one device.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        data: Trajectories,
        objective: Objective,
        batch: int,
        channel_std: Float[Array, " channel"],
        mesh: Mesh | None = None,
    ):
        self.truth = data.read()
        self.parameters = data.parameters.astype(np.float32)
        parts = 1 if mesh is None else mesh.shape[AXIS]
        self.batch = -(-min(max(batch, _SMALLEST_BATCH), data.samples) // parts) * parts
        one = surrogate.member(0)
        graphdef, _, _ = split(one)
        window = one.window

        def predict(params, model_state, truth, p):
            step, given = nnx.merge(graphdef, params, model_state).at(p), window.history
            return window.rollout(step, truth[:, :given], truth.shape[1] - given)

        rolled = on_each_device(mesh, predict, (P(), P(), TRAJECTORIES, P(AXIS)), TRAJECTORIES)

        def errors(params, model_state, truth, p):
            prediction = rolled(params, model_state, truth, p)
            return frame_errors(objective, prediction, truth[:, window.history :], channel_std).mean(1)

        each = of_each_member(surrogate.members, errors, mesh, in_axes=(0, 0, None, None))

        def validate(*arguments):
            return replicated(mesh, each(*arguments))

        self._errors = jax.jit(validate)

    def __call__(self, params: Any, model_state: Any) -> Float[np.ndarray, "*member trajectory"]:
        samples = len(self.truth)
        each = []
        for first in range(0, samples, self.batch):
            each.append(np.asarray(self._errors(params, model_state, *self._part(first))))
        return np.concatenate(each, -1)[..., :samples]

    def first_call(self, params: Any, model_state: Any) -> tuple[Any, ...]:
        """Return the program and the arguments of its first call, so that it can be compiled before."""
        return self._errors, params, model_state, *self._part(0)

    def _part(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Return fields and parameters of the trajectories from `first` on. The first ones fill the last part."""
        chosen = np.arange(first, first + self.batch) % len(self.truth)
        return self.truth[chosen], self.parameters[chosen]


def no_worse(errors: Float[np.ndarray, " trajectory"], lowest: Float[np.ndarray, " trajectory"]) -> bool:
    """Return whether the errors of some weights are within the noise of the lowest errors so far.

    Return False if their mean is larger by more than one standard error of the difference. Validation data are few and
    the learning rate falls, so among weights that cannot be distinguished the later ones are the better choice. One
    trajectory does not show its noise: no later weights are worse then.
    """
    if not np.isfinite(errors).all():
        return False
    if len(errors) == 1 or not np.isfinite(lowest).all():
        return True
    more = errors - lowest
    return bool(more.mean() <= more.std(ddof=1) / np.sqrt(len(more)))
