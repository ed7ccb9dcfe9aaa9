"""A case in our code, ready to be timed: its compiled update and its rollout, in one of two forms.

The form "paper" is the published model with its training, and "default" is our model of the same kind.
"""

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from speed.cases import Case

from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.paper.adam import PaperAdam
from cape.paper.cape import PaperCAPEConfig
from cape.paper.fno import PaperFNOConfig
from cape.paper.unconditioned import PaperUnconditionedConfig
from cape.paper.unet import PaperUNetConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.solvers.unet import UNetConfig
from cape.surrogate import Surrogate
from cape.training.functional_model import FunctionalModel
from cape.training.inputs import Schedule, UpdateInput
from cape.training.objective import Objective, evaluate
from cape.training.optimisers import AdamW
from cape.training.update import UpdateSettings, initial_state, update


def problem(case: Case) -> Problem:
    """Return the problem of a case on the unit box, without an equation."""
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
    """Return the model of a case in a form."""
    if form == "paper":
        fno, unet = PaperFNOConfig(width=case.size), PaperUNetConfig(features=case.size)
        conditioning = PaperCAPEConfig() if case.cape else PaperUnconditionedConfig()
        return ModelConfig(
            fno if case.base == "fno" else unet, conditioning, normalisation="off", conserve=False
        )
    base = FNOConfig() if case.base == "fno" else UNetConfig()
    return ModelConfig(base, CAPEConfig() if case.cape else UnconditionedConfig())


def objective(form: str, noise: float = 1e-3) -> Objective:
    """Return the objective of a form; `noise` is that of the published one."""
    if form == "default":
        return Objective()
    return Objective(auxiliary=5.7e-5, auxiliary_accumulates=True, noise=noise, floor=0.0)


def dotted(tree) -> dict[str, np.ndarray]:
    """Flatten nested dictionaries of arrays to dotted names, without the root `conditioning`."""
    leaves = jax.tree.leaves_with_path(tree)
    return {
        ".".join(str(k.key) for k in path).removeprefix("conditioning."): np.asarray(v) for path, v in leaves
    }


class Ours:
    """One case in one form. `train()` applies one update, and `rollout()` predicts one batch; both wait for it."""

    def __init__(self, case: Case, form: str):
        self.case = case
        surrogate = Surrogate(problem(case), model_config(case, form), rngs=nnx.Rngs(0))
        surrogate.train()
        graphdef, params, model_state = nnx.split(surrogate, nnx.Param, ...)
        surrogate.eval()
        self.settings = UpdateSettings(
            model=FunctionalModel(graphdef),
            objective=objective(form),
            optimiser=PaperAdam() if form == "paper" else AdamW(),
            updates=1000,
            updates_per_epoch=100,
            seed=0,
        )
        arrays = nnx.to_pure_dict(params), nnx.to_pure_dict(model_state)
        self.state = initial_state(*arrays, self.settings, self.settings)
        u, p = case.data()
        self.frames, self.p = jnp.asarray(u), jnp.asarray(p)
        self.schedule = Schedule(jnp.int32(case.autoregressive))
        self.channel_std = jnp.ones(case.channels)
        self.split = nnx.split(surrogate)

    def compile(self) -> float:
        """Compile the update; return the seconds it took."""
        arguments = (self.channel_std, self.state, self.frames, self.p, self.schedule)
        start = time.perf_counter()
        self.compiled = update.lower(self.settings, *arguments).compile()
        return time.perf_counter() - start

    def gradient_text(self) -> str:
        """Return the program of losses and gradients of all steps at once, as on an accelerator, as text."""
        settings, state, key = self.settings, self.state, jax.random.key(0)
        frames = jnp.moveaxis(self.frames, 1, 0)
        given = UpdateInput(frames, self.p, self.schedule, key, self.channel_std)
        arguments = (settings.objective, settings.model, state["params"], state["model_state"], given)
        gradient = jax.jit(jax.value_and_grad(evaluate, argnums=2, has_aux=True), static_argnums=(0, 1))
        return gradient.lower(*arguments).compile().as_text()

    def train(self) -> None:
        arguments = (self.channel_std, self.state, self.frames, self.p, self.schedule)
        self.state, losses = self.compiled(*arguments)
        jax.block_until_ready((self.state, losses))

    def rollout(self) -> None:
        jax.block_until_ready(_rollout(*self.split, self.frames[:, :1], self.p, self.case.steps))


@functools.partial(jax.jit, static_argnums=(0, 4))
def _rollout(graphdef, state, given, parameters, steps: int):
    surrogate = nnx.merge(graphdef, state)
    return surrogate.window.rollout(surrogate.at(parameters), given, steps)
