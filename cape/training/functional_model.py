"""A surrogate as pure functions of its parameters and its model state, for jitted training updates."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import Prediction


def split(surrogate: nnx.Module) -> tuple[Any, Any, Any]:
    """Split a surrogate into (graphdef, params, model_state); the last two are `nnx.State`."""
    parts: Any = nnx.split(surrogate, nnx.Param, ...)
    return parts


class FunctionalModel(NamedTuple):
    """A surrogate without its arrays. Hashable, so it can be a static argument of a jitted function.

    `params` are the trained arrays and `model_state` the others (running statistics), as nested dictionaries.

    Attributes:
        graphdef: the structure of the surrogate.
        new_channels: how many of the last channels of a state are predicted; 0: all. The others are known frames.
    """

    graphdef: Any
    new_channels: int = 0

    def prepare(self, params, model_state, p: Float[Array, "batch parameter"]) -> Any:
        """Compute everything that depends on the PDE parameters only, see `Surrogate.prepare`."""
        return nnx.merge(self.graphdef, params, model_state).prepare(p)

    def predict(
        self, params, model_state, u: Float[Array, "batch *space channel"], prepared: Any
    ) -> tuple[Prediction, Any]:
        """Advance u by one step; return the prediction and the new model state."""
        surrogate = nnx.merge(self.graphdef, params, model_state)
        prediction = surrogate.predict(u, prepared)
        return prediction, nnx.to_pure_dict(nnx.state(surrogate, nnx.Not(nnx.Param)))

    def predict_all(
        self,
        params,
        model_state,
        inputs: Float[Array, "time batch *space channel"],
        p: Float[Array, "batch parameter"],
    ) -> tuple[Prediction, Any]:
        """Predict from every input [time, batch, ...] in one batch of size time x batch."""
        time, batch = inputs.shape[:2]
        prepared = self.prepare(params, model_state, p)
        prepared = jax.tree.map(lambda a: jnp.tile(a, (time,) + (1,) * (a.ndim - 1)), prepared)
        flat = inputs.reshape(time * batch, *inputs.shape[2:])
        prediction, model_state = self.predict(params, model_state, flat, prepared)
        return jax.tree.map(lambda a: a.reshape(time, batch, *a.shape[1:]), prediction), model_state
