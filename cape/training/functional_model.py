"""A surrogate as pure functions of its parameters and its model state, for jitted training updates."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from cape.identification.equation import IdentifiedEquation, advance, coefficients
from cape.model.conditioning import Prediction
from cape.problem import Problem
from cape.solvers.layers.devices import mean_over_devices
from cape.solvers.layers.divided_space import SPACE
from cape.training.mesh import AXIS, COPIES, FIELDS, STEPS, divided, on_each_device


def split(surrogate: nnx.Module) -> tuple[Any, Any, Any]:
    """Split a surrogate into (graphdef, params, model_state); the last two are `nnx.State`."""
    parts: Any = nnx.split(surrogate, nnx.Param, ...)
    return parts


def weights_of(surrogate: nnx.Module) -> tuple[Any, Any]:
    """Return the parameters and the model state of a surrogate as nested dictionaries."""
    _, params, model_state = split(surrogate)
    return nnx.to_pure_dict(params), nnx.to_pure_dict(model_state)


class EquationStep(NamedTuple):
    """A step of the identified equation of a surrogate, which its network corrects. It does not depend on weights."""

    equation: IdentifiedEquation
    problem: Problem

    def advance(
        self, u: Float[Array, "batch *space channel"], p: Float[Array, "batch parameter"]
    ) -> Float[Array, "batch *space channel"]:
        """Advance u by one step at PDE parameters p."""
        return advance(self.equation, self.problem, u, coefficients(self.equation, self.problem, p))

    def advance_all(
        self, inputs: Float[Array, "time batch *space channel"], p: Float[Array, "batch parameter"]
    ) -> Float[Array, "time batch *space channel"]:
        """Advance every input by one step."""
        if jax.default_backend() == "cpu":  # whose cache holds few states
            return jax.lax.map(lambda u: self.advance(u, p), inputs)
        flat = self.advance(inputs.reshape(-1, *inputs.shape[2:]), jnp.tile(p, (inputs.shape[0], 1)))
        return flat.reshape(inputs.shape)


class FunctionalModel(NamedTuple):
    """A surrogate without its arrays. Hashable, so it can be a static argument of a jitted function.

    `params` are the trained arrays and `model_state` the others (running statistics), as nested dictionaries.

    On several devices, each predicts its part of the batch and of space. `params` are then what `per_device` returns.
    Devices that share the members of an ensemble have the weights of some of them.

    Attributes:
        graphdef: the structure of the surrogate.
        new_channels: how many of the last channels of a state are predicted; 0: all. The others are known frames.
        mesh: the devices that share the work; None: one device.
        members: number of members of an ensemble. This is the model of one of them, and all are updated together.
        equation: what comes before the network in a step. `predict` and `predict_all` then take the results of
            `advance` and `advance_all`, so that each is computed once; None: they take states and do the whole step.
    """

    graphdef: Any
    new_channels: int = 0
    mesh: Mesh | None = None
    members: int = 1
    equation: EquationStep | None = None

    @property
    def devices(self) -> int:
        """Number of devices that share the work."""
        return 1 if self.mesh is None else self.mesh.size

    @property
    def batch_parts(self) -> int:
        """Number of parts that a batch is divided in."""
        return 1 if self.mesh is None else self.mesh.shape[AXIS]

    @property
    def space_parts(self) -> int:
        """Number of parts that the first axis of space is divided in."""
        return 1 if self.mesh is None else self.mesh.shape[SPACE]

    def per_device(self, params) -> Any:
        """Return one copy of the weights for each device: arrays [device, ...], or `params` if there is one device.

        The gradient with respect to the copies needs no communication. Gradients of many steps can so be added on every
        device, and are summed over the devices once, by `over_devices`.
        """
        if self.mesh is None:
            return params
        count = self.batch_parts * self.space_parts
        copies = jax.tree.map(lambda a: jnp.broadcast_to(a[None], (count, *a.shape)), params)
        return divided(self.mesh, copies, COPIES)

    def over_devices(self, grads) -> Any:
        """Sum gradients with respect to the copies of `per_device` over the devices."""
        return grads if self.mesh is None else jax.tree.map(lambda a: a.sum(0), grads)

    def prepare(self, params, model_state, p: Float[Array, "batch parameter"]) -> Any:
        """Compute everything that depends on the PDE parameters only, see `Surrogate.prepare`."""
        prepare = on_each_device(self.mesh, self._prepare, (COPIES, P(), P(AXIS)), COPIES)
        return prepare(params, model_state, p)

    def advance(
        self, u: Float[Array, "batch *space channel"], p: Float[Array, "batch parameter"]
    ) -> Float[Array, "batch *space channel"]:
        """Advance u by the equation, or return u without one."""
        if self.equation is None:
            return u
        return on_each_device(self.mesh, self.equation.advance, (FIELDS, P(AXIS)), FIELDS)(u, p)

    def advance_all(
        self, inputs: Float[Array, "time batch *space channel"], p: Float[Array, "batch parameter"]
    ) -> Float[Array, "time batch *space channel"]:
        """Advance every input by the equation, or return the inputs without one."""
        if self.equation is None:
            return inputs
        return on_each_device(self.mesh, self.equation.advance_all, (STEPS, P(AXIS)), STEPS)(inputs, p)

    def predict(
        self, params, model_state, u: Float[Array, "batch *space channel"], prepared: Any
    ) -> tuple[Prediction, Any]:
        """Advance u (see `equation`) by one step; return the prediction and the new model state."""
        specs = (COPIES, P(), FIELDS, COPIES)
        return on_each_device(self.mesh, self._predict, specs, (FIELDS, P()))(
            params, model_state, u, prepared
        )

    def predict_all(
        self,
        params,
        model_state,
        inputs: Float[Array, "time batch *space channel"],
        p: Float[Array, "batch parameter"],
    ) -> tuple[Prediction, Any]:
        """Predict from every input [time, batch, ...] in one batch of size time x batch."""
        specs = (COPIES, P(), STEPS, P(AXIS))
        return on_each_device(self.mesh, self._predict_all, specs, (STEPS, P()))(
            params, model_state, inputs, p
        )

    # ---- on one device, with its part of the batch

    def _surrogate(self, params, model_state) -> Any:
        if self.mesh is not None:
            params = jax.tree.map(lambda copies: copies[0], params)
        return nnx.merge(self.graphdef, params, model_state)

    def _prepare(self, params, model_state, p) -> Any:
        return self._surrogate(params, model_state).prepare(p)

    def _predict(self, params, model_state, u, prepared) -> tuple[Prediction, Any]:
        surrogate = self._surrogate(params, model_state)
        whole = self.equation is None
        prediction = surrogate.predict(u, prepared) if whole else surrogate.corrected(u, prepared[1])
        return prediction, jax.tree.map(
            mean_over_devices, nnx.to_pure_dict(nnx.state(surrogate, nnx.Not(nnx.Param)))
        )

    def _predict_all(self, params, model_state, inputs, p) -> tuple[Prediction, Any]:
        time, batch = inputs.shape[:2]
        prepared = self._prepare(params, model_state, p)
        prepared = jax.tree.map(lambda a: jnp.tile(a, (time,) + (1,) * (a.ndim - 1)), prepared)
        flat = inputs.reshape(time * batch, *inputs.shape[2:])
        prediction, model_state = self._predict(params, model_state, flat, prepared)
        return jax.tree.map(lambda a: a.reshape(time, batch, *a.shape[1:]), prediction), model_state
