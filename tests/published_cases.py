"""Small cases of the published forms, with random weights under their published names."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from published_weights import GivenProblem, field, fno, surrogate_of, unet, wrapped

from cape.rollout import rollout
from cape.training.functional_model import FunctionalModel, split
from cape.training.inputs import Schedule, UpdateInput
from cape.training.objective import Objective, value_and_gradient

PLANE = GivenProblem(
    parameters={"M": (0.5, 2.0)},
    channels=("a", "b"),
    dt=0.1,
    steps=5,
    resolution=(8, 8),
    origin=(0.0625, 0.0625),
    length=(1.0, 1.0),
)
LINE = GivenProblem(parameters={"Nu": (0.5, 2.0)}, dt=0.1, steps=5, resolution=(16,), origin=(0.03125,))
CASES = {
    "cape-fno-1d": (LINE, lambda: wrapped(fno(2))),
    "cape-fno-1d, wide last": (LINE, lambda: wrapped(fno(2), last=3)),
    "cape-fno-2d": (PLANE, lambda: wrapped(fno(4, modes=(2, 2)), channels=2, grid=(8, 8))),
    "cape-unet-1d": (LINE, lambda: wrapped(unet(2))),
    "fno-1d": (LINE, lambda: {f"model.{name}": shape for name, shape in fno(1).items()}),
    "fno-1d with channels": (LINE, lambda: {f"model.{name}": shape for name, shape in fno(2, 1).items()}),
}


def outputs(name: str) -> dict[str, np.ndarray]:
    """Compute prediction, first guess, a rollout of three steps, and losses and gradients of one training update."""
    given, shapes = CASES[name]
    surrogate = surrogate_of(shapes(), given)
    channels, points = len(given.channels), given.resolution
    u, p = jnp.asarray(field(2, *points, channels)), jnp.asarray([[0.7], [1.6]], jnp.float32)
    prediction = jax.jit(lambda u, p: surrogate.predict(u, surrogate.prepare(p)))(u, p)
    found = {"next": prediction.next, "rollout": jax.jit(lambda u, p: rollout(surrogate.at(p), u, 3))(u, p)}
    if prediction.first_guess is not None:
        found["first_guess"] = prediction.first_guess
    frames = jnp.asarray(field(5, 2, *points, channels, seed=2))
    objective = Objective(auxiliary=0.1, auxiliary_accumulates=True, noise=1e-3, floor=0.0)
    graphdef, params, model_state = split(surrogate)
    update = UpdateInput(frames, p, Schedule(jnp.int32(3)), jax.random.key(0), jnp.ones(channels))
    arrays = (nnx.to_pure_dict(params), nnx.to_pure_dict(model_state))
    gradient = jax.jit(value_and_gradient, static_argnums=(0, 1))
    losses, _, gradients = gradient(objective, FunctionalModel(graphdef, channels), *arrays, update)
    found["losses"] = jnp.stack(losses)
    found["gradient norms"] = jnp.stack([jnp.sqrt(jnp.sum(g**2)) for g in jax.tree.leaves(gradients)])
    return {key: np.asarray(array) for key, array in found.items()}
