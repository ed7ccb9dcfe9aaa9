"""Ours, ready to be timed: the compiled update and rollout of one case in one form."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from speed.cases import Case

from cape.model.config import FNO, Cape, ModelConfig, PaperCape, PaperFNO, PaperUNet, Unaware, UNet
from cape.problem import Problem
from cape.surrogate import Surrogate, _rollout
from cape.training.objective import Model, Objective, Schedule, evaluate
from cape.training.optimisers import AdamW, PaperAdam
from cape.training.update import Recipe, initial_state, update


def problem(case: Case) -> Problem:
    axes, channels, parameters = case.dimension, case.channels, case.parameters
    return Problem(
        equation="unknown",
        channels=tuple(f"u{i}" for i in range(channels)),
        parameters=tuple(f"p{i}" for i in range(parameters)),
        boundaries=("periodic",) * axes,
        resolution=case.resolution,
        origin=(case.origin,) * axes,
        length=(1.0,) * axes,
        dt=1.0,
        steps=case.steps,
        channel_mean=(2.0,) * channels,
        channel_std=(0.7,) * channels,
        low=(0.1,) * parameters,
        high=(1.0,) * parameters,
    )


def model_config(case: Case, form: str) -> ModelConfig:
    """Choose the architecture: the published one ("paper"), or ours of the same kind ("default")."""
    if form == "paper":
        base = PaperFNO(width=case.size) if case.base == "fno" else PaperUNet(features=case.size)
        conditioning = PaperCape() if case.cape else Unaware(residual=False)
        return ModelConfig(base, conditioning, normalise="off", conserve=False)
    return ModelConfig(FNO() if case.base == "fno" else UNet(), Cape() if case.cape else Unaware())


def objective(form: str, noise: float = 1e-3) -> Objective:
    if form == "default":
        return Objective()
    return Objective(auxiliary=5.7e-5, auxiliary_accumulates=True, noise=noise, floor=0.0)


def dotted(tree) -> dict[str, np.ndarray]:
    """Flatten nested dictionaries of arrays to dotted names; the root `conditioned` is left out."""
    leaves = jax.tree.leaves_with_path(tree)
    return {
        ".".join(str(k.key) for k in path).removeprefix("conditioned."): np.asarray(v) for path, v in leaves
    }


class Ours:
    """One case in one form; `train()` and `rollout()` each do their work once and wait for it."""

    def __init__(self, case: Case, form: str):
        self.case = case
        self.surrogate = Surrogate(problem(case), model_config(case, form), rngs=nnx.Rngs(0))
        self.surrogate.train()
        self.graphdef, params, rest = nnx.split(self.surrogate, nnx.Param, ...)
        self.surrogate.eval()
        optimiser = PaperAdam() if form == "paper" else AdamW()
        self.recipe = Recipe(Model(self.graphdef), objective(form), optimiser, 1000, 100, 0, 0.0)
        self.state = initial_state(nnx.to_pure_dict(params), nnx.to_pure_dict(rest), self.recipe, self.recipe)
        u, p = case.data()
        self.frames, self.p = jnp.asarray(u), jnp.asarray(p)
        self.schedule = Schedule(jnp.int32(case.feedback))
        self.scale = jnp.ones(case.channels)
        self.split = nnx.split(self.surrogate)

    def compile(self) -> float:
        """Compile the update; give the seconds it took."""
        arguments = (self.scale, self.state, self.frames, self.p, self.schedule)
        start = time.perf_counter()
        self.compiled = update.lower(self.recipe, *arguments).compile()
        return time.perf_counter() - start

    def gradient_text(self) -> str:
        """Compile losses and gradient of all steps at once, as an accelerator takes them; give the program's text."""
        recipe, state = self.recipe, self.state
        arguments = (recipe.objective, recipe.model, state["params"], state["rest"])
        arguments += (jnp.moveaxis(self.frames, 1, 0), self.p, self.schedule, jax.random.key(0), self.scale)
        gradient = jax.jit(jax.value_and_grad(evaluate, argnums=2, has_aux=True), static_argnums=(0, 1))
        return gradient.lower(*arguments).compile().as_text()

    def train(self) -> None:
        self.state, losses = self.compiled(self.scale, self.state, self.frames, self.p, self.schedule)
        jax.block_until_ready((self.state, losses))

    def rollout(self) -> None:
        jax.block_until_ready(_rollout(*self.split, self.frames[:, :1], self.p, self.case.steps))
