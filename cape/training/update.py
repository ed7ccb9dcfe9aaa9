"""The jitted updates of a training: all weights, or in the warm-up the conditioning's own guess alone."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from cape.training import objective as objectives
from cape.training.objective import Losses, Model, Objective, Schedule
from cape.training.optimisers import Optimiser

State = dict[str, Any]


class Recipe(NamedTuple):
    """All of an update that never changes in a training. Equal recipes share one compiled program.

    `updates` is the length of the optimiser's schedule, `ema` the decay of the average of the weights (0: none).
    """

    model: Model
    objective: Objective
    optimiser: Optimiser
    updates: int
    updates_per_epoch: int
    seed: int
    ema: float

    @property
    def transformation(self) -> optax.GradientTransformation:
        return self.optimiser.build(self.updates, self.updates_per_epoch)


def initial_state(params, rest, update: Recipe, warm_up: Recipe) -> State:
    """Make the training state: a dictionary of arrays, saved and restored as it is."""
    # copies: an update donates its state, and the module that `params` come from shall live on
    params, rest = jax.tree.map(jnp.array, (params, rest))
    block = params["conditioned"].get("block", {})
    return {
        "step": jnp.int32(0),
        "params": params,
        "rest": rest,
        "optimiser": update.transformation.init(params),
        "warmup": warm_up.transformation.init(block),
        "ema": jax.tree.map(jnp.array, params) if update.ema else (),
    }


@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def update(
    recipe: Recipe,
    scale: Float[Array, "channel"],
    state: State,
    frames: Float[Array, "batch time *space channel"],
    p: Float[Array, "batch parameter"],
    schedule: Schedule,
) -> tuple[State, Losses]:
    """Apply one update of all weights; arguments as in `objective.evaluate`, but frames batch-major."""
    losses, rest, grads = objectives.value_and_gradient(
        recipe.objective,
        recipe.model,
        state["params"],
        state["rest"],
        jnp.moveaxis(frames, 1, 0),
        p,
        schedule,
        _key(recipe, state),
        scale,
    )
    changes, moments = recipe.transformation.update(grads, state["optimiser"], state["params"])
    params = optax.apply_updates(state["params"], changes)
    return state | {
        "step": state["step"] + 1,
        "params": params,
        "rest": rest,
        "optimiser": moments,
        "ema": average(state["ema"], params, recipe.ema, state["step"]),
    }, losses


@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def warm_up(recipe: Recipe, scale, state: State, frames, p) -> tuple[State, Losses]:
    """Apply one update of the conditioning's block alone, on the auxiliary loss; arguments as in `update`."""
    params = state["params"]

    def with_block(block):
        return params | {"conditioned": params["conditioned"] | {"block": block}}

    def objective(block):
        return objectives.evaluate_guess(
            recipe.objective,
            recipe.model,
            with_block(block),
            state["rest"],
            jnp.moveaxis(frames, 1, 0),
            p,
            _key(recipe, state),
            scale,
        )

    block = params["conditioned"]["block"]
    (_, (losses, rest)), grads = jax.value_and_grad(objective, has_aux=True)(block)
    changes, moments = recipe.transformation.update(grads, state["warmup"], block)
    params = with_block(optax.apply_updates(block, changes))
    return state | {
        "step": state["step"] + 1,
        "params": params,
        "rest": rest,
        "warmup": moments,
        "ema": params if recipe.ema else (),
    }, losses


def average(averaged, params, decay: float, step):
    """Move the average of the weights; the first updates count more, so that it forgets where it started."""
    if not decay:
        return ()
    count = step.astype(jnp.float32)
    kept = jnp.minimum(decay, (1.0 + count) / (10.0 + count))
    return jax.tree.map(lambda a, b: kept * a + (1.0 - kept) * b, averaged, params)


def _key(recipe: Recipe, state: State):
    return jax.random.fold_in(jax.random.key(recipe.seed), state["step"])
