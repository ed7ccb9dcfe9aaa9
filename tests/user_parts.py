"""Parts as a user writes them: conditionings with and without a first guess, and a normalisation.

Nothing registers when this module is imported: see `registered`.
"""

import contextlib
import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx

from cape.model.conditioning import CONDITIONINGS, Conditioning, ConditioningConfig, Prediction
from cape.model.normalisation import NORMALISATIONS, Normalisation
from cape.training.curriculum import CURRICULA, Curriculum, Plan


class Scaled(nnx.Module):
    """u times (1 + weight p)."""

    def __init__(self):
        self.weight = nnx.Param(jnp.full((1,), 0.1))

    def __call__(self, u, p):
        factor = 1.0 + self.weight[...][None] * p[:, :1]
        return u * factor.reshape(-1, *(1,) * (u.ndim - 1))


class Corrected(Conditioning):
    """A first guess by a module named `oracle`, corrected by the base solver."""

    first_guess_modules: ClassVar = ("oracle",)

    def __init__(self, problem, build_solver):
        channels = len(problem.channels)
        self.oracle = Scaled()
        self.base = build_solver(channels, channels)

    def prepare(self, p):
        return p

    def __call__(self, u, prepared):
        first_guess = self.oracle(u, prepared)
        return Prediction(first_guess + self.base(first_guess), first_guess)


@dataclasses.dataclass(frozen=True)
class CorrectedConfig(ConditioningConfig):
    def build(self, problem, build_solver, *, rngs):
        return Corrected(problem, build_solver)


class Multiplied(Conditioning):
    """The base solver times a factor of the parameters; no first guess."""

    def __init__(self, problem, build_solver):
        channels = len(problem.channels)
        self.factor = Scaled()
        self.base = build_solver(channels, channels)

    def prepare(self, p):
        return p

    def __call__(self, u, prepared):
        return Prediction(u + self.factor(self.base(u), prepared), None)


@dataclasses.dataclass(frozen=True)
class MultipliedConfig(ConditioningConfig):
    strength: float = 1.0

    def build(self, problem, build_solver, *, rngs):
        return Multiplied(problem, build_solver)


class Thousandth(Normalisation):
    """Divide fields by 1000 times the standard deviation of the training data."""

    def __init__(self, problem, *, uses_parameters, history):
        self.inner_problem = problem
        self.channel_std = problem.channel_std
        self.std = tuple(1000.0 * std for std in problem.channel_std) * history

    def prepare(self, conditioning, p):
        return conditioning.prepare(p)

    def __call__(self, conditioning, u, prepared):
        std = jnp.asarray(self.std).reshape((1,) * (u.ndim - 1) + (-1,))
        following, first_guess = conditioning(u / std, prepared)
        return Prediction(following * std, None if first_guess is None else first_guess * std)


@dataclasses.dataclass(frozen=True)
class Alternating(Curriculum):
    """Autoregressive in the second half of the training."""

    start: float = 0.5

    def plan(self, progress, transitions):
        return Plan(autoregressive=transitions if progress >= self.start else 1)


PARTS = (
    (CONDITIONINGS, "corrected", CorrectedConfig),
    (CONDITIONINGS, "multiplied", MultipliedConfig),
    (NORMALISATIONS, "thousandth", Thousandth),
    (CURRICULA, "alternating", Alternating),
)


@contextlib.contextmanager
def registered():
    """Register all parts of this module, and forget them afterwards."""
    with contextlib.ExitStack() as after:
        for registry, name, part in PARTS:
            after.callback(registry._parts.pop, name) if name not in registry.parts else None
            registry.register(name)(part)
        yield
