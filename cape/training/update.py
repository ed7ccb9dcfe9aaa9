"""The jitted updates of a training: of all weights, or in the warm-up of the first guess only."""

import contextlib
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.initialisation import ElementwiseParam
from cape.surrogate import Surrogate
from cape.training.accumulation import accumulated
from cape.training.functional_model import FunctionalModel
from cape.training.inputs import Schedule, UpdateInput
from cape.training.members import axes_of, of_all_members, of_each_member
from cape.training.mesh import divided_where_possible, replicated
from cape.training.objective import Losses, Objective, evaluate_first_guess, value_and_gradient
from cape.training.optimisers import OptimiserConfig, WeightPath
from cape.training.packing import global_norm

TrainingState = dict[str, Any]


class Measures(NamedTuple):
    """What an update measures: its losses, and the global norms of the gradient and of the weights before it."""

    losses: Losses
    gradient_norm: Float[Array, ""]
    weight_norm: Float[Array, ""]


class UpdateSettings(NamedTuple):
    """Everything about an update that never changes in a training. Equal settings share one compiled program.

    Attributes:
        model, objective, optimiser: what is trained, on what, and how.
        updates: length of the optimiser's schedule.
        updates_per_epoch: number of updates in an epoch.
        seed: of the noise.
        ema: decay of the exponential moving average of the weights; 0: no average.
        first_guess: names of the modules that compute the first guess, see `Conditioning.first_guess_modules`.
        elementwise: paths of the weights that are not maps between channels, see `OptimiserConfig.build`.
        slowdown: factor of every change of the weights, and so of the learning rate.
        divide_weights: see `MeshConfig.weights`.
        accumulate: number of parts of a batch that are processed one after another.
        products: precision of matrix products, for `jax.default_matmul_precision`; None: that of JAX's settings.
        member_share: see `TrainingConfig`.
    """

    model: FunctionalModel
    objective: Objective
    optimiser: OptimiserConfig
    updates: int
    updates_per_epoch: int
    seed: int
    ema: float = 0.0
    first_guess: tuple[str, ...] = ()
    elementwise: frozenset[WeightPath] = frozenset()
    slowdown: float = 1.0
    divide_weights: bool = False
    accumulate: int = 1
    products: str | None = None
    member_share: float = 1.0

    @property
    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """A context in which matrix products are traced in the precision of the settings."""
        return (
            contextlib.nullcontext() if self.products is None else jax.default_matmul_precision(self.products)
        )

    @property
    def transformation(self) -> optax.GradientTransformation:
        return self.optimiser.build(self.updates, self.updates_per_epoch, self.elementwise)

    def place(self, state: TrainingState) -> TrainingState:
        """Place the state of one model, or of a member, on the devices of the mesh, where it stays between updates."""
        place = divided_where_possible if self.divide_weights else replicated
        return place(self.model.mesh, state)

    def place_members(self, state: TrainingState) -> TrainingState:
        """Place the state of all members on the devices of the mesh."""
        axes = axes_of(state)
        members, mesh = self.model.members, self.model.mesh
        return of_each_member(members, self.place, mesh, in_axes=(axes,), out_axes=axes)(state)


def elementwise_weights(surrogate: Surrogate) -> frozenset[WeightPath]:
    """Return the paths of the weights that are not maps between channels, and of all weights of the first guess."""
    first_guess = [("conditioning", name) for name in surrogate.conditioning.first_guess_modules]
    weights = nnx.to_flat_state(nnx.state(surrogate, nnx.Param))
    return frozenset(
        tuple(map(str, path))
        for path, weight in weights
        if isinstance(weight, ElementwiseParam) or tuple(path[:2]) in first_guess
    )


def initial_state(params, model_state, training: UpdateSettings, warm_up: UpdateSettings) -> TrainingState:
    """Return the training state, a dictionary of arrays that checkpoints save and restore.

    "step" counts the updates. "params" and "model_state" are the weights. "optimiser" and "warm_up" are the states of
    the two optimisers. "ema" is the moving average of "params", or () if there is none. For an ensemble, all but "step"
    have a first axis [member].
    """
    # Copies, because an update donates its state and the caller's arrays must stay valid.
    params, model_state = jax.tree.map(jnp.array, (params, model_state))
    return {
        "step": jnp.int32(0),
        "params": params,
        "model_state": model_state,
        "optimiser": of_each_member(training.model.members, training.transformation.init)(params),
        "warm_up": of_each_member(training.model.members, warm_up.transformation.init)(
            _first_guess(params, warm_up.first_guess)
        ),
        "ema": jax.tree.map(jnp.array, params) if training.ema else (),
    }


@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def update(
    settings: UpdateSettings,
    channel_std: Float[Array, " channel"],
    state: TrainingState,
    frames: Float[Array, "batch time *space channel"],
    p: Float[Array, "batch parameter"],
    schedule: Schedule,
) -> tuple[TrainingState, Measures]:
    """Apply one update of all weights. The state passed in is donated: use the one returned."""
    given = _input(settings, channel_std, state, frames, p, schedule)
    return of_all_members(_update, settings, state, given)


def _update(
    settings: UpdateSettings, state: TrainingState, given: UpdateInput
) -> tuple[TrainingState, Measures]:
    before, model_state = replicated(settings.model.mesh, (state["params"], state["model_state"]))
    with settings.precision:
        losses, model_state, grads = value_and_gradient(
            settings.objective, settings.model, before, model_state, given, settings.accumulate
        )
    changes, optimiser = settings.transformation.update(grads, state["optimiser"], state["params"])
    params = optax.apply_updates(state["params"], _slowed(changes, settings))
    measures = Measures(losses, global_norm(grads), global_norm(before))
    changed = {
        "step": state["step"] + 1,
        "params": params,
        "model_state": model_state,
        "optimiser": optimiser,
        "ema": average(state["ema"], params, settings.ema, state["step"]),
    }
    return settings.place(state | changed), replicated(settings.model.mesh, measures)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def warm_up_update(
    settings: UpdateSettings,
    channel_std: Float[Array, " channel"],
    state: TrainingState,
    frames: Float[Array, "batch time *space channel"],
    p: Float[Array, "batch parameter"],
    schedule: Schedule,
) -> tuple[TrainingState, Measures]:
    """Apply one update of the first guess only, on the auxiliary loss. The state passed in is donated."""
    given = _input(settings, channel_std, state, frames, p, schedule)
    return of_all_members(_warm_up_update, settings, state, given)


def _warm_up_update(
    settings: UpdateSettings, state: TrainingState, given: UpdateInput
) -> tuple[TrainingState, Measures]:
    params, model_state = replicated(settings.model.mesh, (state["params"], state["model_state"]))

    def with_guess(guess):
        return params | {"conditioning": params["conditioning"] | guess}

    def gradient(model_state, given):
        def objective(guess):
            weights = with_guess(guess)
            return evaluate_first_guess(settings.objective, settings.model, weights, model_state, given)

        (_, (losses, model_state)), grads = jax.value_and_grad(objective, has_aux=True)(guess)
        return losses, model_state, grads

    guess = _first_guess(params, settings.first_guess)
    parts, devices = settings.accumulate, settings.model.batch_parts
    with settings.precision:
        losses, model_state, grads = accumulated(parts, devices, gradient, model_state, given)
    changes, optimiser = settings.transformation.update(grads, state["warm_up"], guess)
    measures = Measures(losses, global_norm(grads), global_norm(guess))
    params = with_guess(optax.apply_updates(guess, _slowed(changes, settings)))
    changed = {
        "step": state["step"] + 1,
        "params": params,
        "model_state": model_state,
        "warm_up": optimiser,
        "ema": params if settings.ema else (),
    }
    return settings.place(state | changed), replicated(settings.model.mesh, measures)


def average(averaged, params, decay: float, step):
    """Update the exponential moving average of the weights.

    The first updates have a larger weight, so that the average forgets the initial weights.
    """
    if not decay:
        return ()
    count = step.astype(jnp.float32)
    kept = jnp.minimum(decay, (1.0 + count) / (10.0 + count))
    return jax.tree.map(lambda a, b: kept * a + (1.0 - kept) * b, averaged, params)


def _slowed(changes: Any, settings: UpdateSettings) -> Any:
    if settings.slowdown == 1.0:
        return changes
    return jax.tree.map(lambda change: change * settings.slowdown, changes)


def _input(settings: UpdateSettings, channel_std, state: TrainingState, frames, p, schedule) -> UpdateInput:
    key = jax.random.fold_in(jax.random.key(settings.seed), state["step"])
    return UpdateInput(jnp.moveaxis(frames, 1, 0), p, schedule, key, channel_std)


def _first_guess(params, names: Sequence[str]) -> dict[str, Any]:
    """Select the weights of the first guess."""
    return {name: params["conditioning"][name] for name in names}
