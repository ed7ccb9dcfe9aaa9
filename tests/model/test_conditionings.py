"""Every conditioning around every base solver: shapes, finite gradients, and what is refused."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from unit_box import SMALL, P, build, problem_of, waves

from cape.model.conditioning import CONDITIONINGS
from cape.model.conditionings.adagn import AdaGNConfig
from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.channels import ParameterChannelsConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.paper.cape import PaperCAPEConfig
from cape.paper.channels import PaperChannelsConfig
from cape.paper.fno import PaperFNOConfig
from cape.paper.unconditioned import PaperUnconditionedConfig
from cape.paper.unet import PaperUNetConfig
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.solver import SOLVERS
from cape.solvers.unet import UNetConfig
from cape.solvers.warp_unet import WarpUNetConfig
from cape.surrogate import Surrogate

SMALL_BASES = (
    FNOConfig(width=4, modes=2, layers=1, projection=4, kernel=3),
    UNetConfig(features=4, levels=1),
    PaperFNOConfig(width=4, modes=2, layers=1, projection=4),
    PaperUNetConfig(features=4, levels=1),
    FactorisedFNOConfig(width=4, modes=2, layers=1, expansion=1, projection=4, kernel=3),
    ConvNextUNetConfig(features=4, levels=1, kernel=3, expansion=1),
    MessagePassingConfig(width=4, layers=1, radius=1),
    WarpUNetConfig(width=2, levels=1, heads=2),
)


SMALL_CONDITIONINGS = (
    CAPEConfig(heads=2, width=4),
    PaperCAPEConfig(widening=4, kernel=3),
    FiLMConfig(width=4),
    AdaGNConfig(width=4),
    ParameterChannelsConfig(),
    PaperChannelsConfig(),
    UnconditionedConfig(),
    PaperUnconditionedConfig(),
)


def test_every_registered_part_is_tested_here():
    assert {type(config) for config in SMALL_BASES} == set(SOLVERS.parts.values())
    assert {type(config) for config in SMALL_CONDITIONINGS} == set(CONDITIONINGS.parts.values())


@nnx.jit
def predict_and_differentiate(surrogate, u, p):
    def half_square(surrogate):
        y = surrogate.at(p)(u)
        return 0.5 * jnp.sum(y**2), y

    (_, y), gradients = nnx.value_and_grad(half_square, has_aux=True)(surrogate)
    return y, gradients


def combinations():
    """Give every base solver with every conditioning, in 1D and in 2D; an eighth of them by default."""
    for (m, base), (n, conditioning) in itertools.product(
        enumerate(SMALL_BASES), enumerate(SMALL_CONDITIONINGS)
    ):
        for dimension, (points, boundary) in enumerate([((8,), "periodic"), ((8, 12), "wall")]):
            name = f"{type(conditioning).__name__}-{type(base).__name__}-{dimension + 1}d"
            marks = pytest.mark.thorough if (m + n + dimension) % 8 else ()
            yield pytest.param(base, conditioning, points, boundary, marks=marks, id=name)


@pytest.mark.parametrize(("base", "conditioning", "points", "boundary"), list(combinations()))
def test_every_combination_builds(base, conditioning, points, boundary):
    # Tracing finds every mistake of shapes. Each part is compiled once, in the next test.
    problem = problem_of(*points, channels=2, boundary=boundary)

    def run():
        surrogate = Surrogate(problem, ModelConfig(base, conditioning), rngs=nnx.Rngs(0))
        return surrogate.at(P)(jnp.zeros((2, *points, 2)))

    assert nnx.eval_shape(run).shape == (2, *points, 2)


@pytest.mark.parametrize(
    ("base", "conditioning", "points", "boundary"),
    [
        (SMALL_BASES[0], CAPEConfig(heads=2, width=4), (8, 12), "periodic"),
        (SMALL_BASES[1], FiLMConfig(width=4), (8,), "periodic"),
        (SMALL_BASES[2], PaperCAPEConfig(widening=4, kernel=3), (8,), "periodic"),
        (SMALL_BASES[6], CAPEConfig(heads=2, width=4), (8,), "wall"),
        *(
            pytest.param(*case, marks=pytest.mark.thorough)
            for case in [
                (SMALL_BASES[0], CAPEConfig(heads=2, width=4), (8,), "wall"),
                (SMALL_BASES[3], PaperChannelsConfig(), (8,), "periodic"),
                (SMALL_BASES[0], AdaGNConfig(width=4), (8,), "periodic"),
                (SMALL_BASES[0], ParameterChannelsConfig(), (8,), "periodic"),
                (SMALL_BASES[0], UnconditionedConfig(), (8,), "periodic"),
                (SMALL_BASES[4], CAPEConfig(heads=2, width=4), (8, 12), "wall"),
                (SMALL_BASES[5], FiLMConfig(width=4), (8,), "wall"),
            ]
        ),
    ],
    ids=str,
)
def test_predictions_and_gradients_are_finite(base, conditioning, points, boundary):
    problem = problem_of(*points, channels=2, boundary=boundary)
    surrogate = Surrogate(problem, ModelConfig(base, conditioning), rngs=nnx.Rngs(0))
    y, gradients = predict_and_differentiate(surrogate, waves(*points, channels=2, modes=2), P)
    assert np.isfinite(y).all()
    for path, gradient in nnx.to_flat_state(gradients):
        assert np.isfinite(gradient[...]).all(), path


def test_conditioning_without_parameters_is_refused():
    problem = problem_of(8, parameters=())
    with pytest.raises(
        ValueError, match="model.conditioning: the data name no PDE parameters .* 'unconditioned'"
    ):
        Surrogate(problem, ModelConfig(SMALL, FiLMConfig()), rngs=nnx.Rngs(0))
    assert build(problem, SMALL, UnconditionedConfig()).rollout(waves(8), {}, 1).shape == (2, 1, 8, 1)


def test_paper_cape_names_the_only_resolution_it_works_on():
    with pytest.raises(ValueError, match="divisible by 4"):
        build(problem_of(10), SMALL, PaperCAPEConfig(widening=4))
    surrogate = build(problem_of(8), SMALL, PaperCAPEConfig(widening=4, kernel=3))
    with pytest.raises(ValueError, match=r"tied to its resolution \(8,\), got \(16,\)"):
        surrogate.rollout(waves(16), P, 1)
