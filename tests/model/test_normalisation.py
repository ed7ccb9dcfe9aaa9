"""Normalisation of every frame by its own statistics: the formula by a second route, what it leaves unchanged."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cape.model.conditionings.adagn import AdaGNConfig
from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.channels import ParameterChannelsConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.model.embedding import logarithmic
from cape.model.normalisations.sample import SampleNormalisation
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

BASE = FNOConfig(width=4, modes=3, layers=1, projection=4, kernel=3)


CONDITIONINGS = [
    CAPEConfig(heads=2, width=4),
    FiLMConfig(width=4),
    AdaGNConfig(width=4),
    ParameterChannelsConfig(),
    UnconditionedConfig(),
]


P = jnp.asarray([[0.7], [1.6]])


def problem_of(**changes):
    settings = {
        "equation": "unknown",
        "channels": ("density", "velocity"),
        "parameters": ("a",),
        "boundaries": ("periodic",),
        "resolution": (16,),
        "origin": (0.0,),
        "length": (1.0,),
        "dt": 0.1,
        "steps": 5,
        "channel_mean": (3.0, 0.1),
        "channel_std": (0.5, 2.0),
        "channel_low": (0.2, -4.0),
        "low": (0.5,),
        "high": (2.0,),
    }
    return Problem(**settings | changes)


def surrogate_of(conditioning, gain=0.0, **changes):
    surrogate = Surrogate(problem_of(**changes), ModelConfig(BASE, conditioning), rngs=nnx.Rngs(0))
    weights = surrogate.normalisation.gain
    weights[...] = gain * jax.random.normal(jax.random.key(1), weights.shape)
    return surrogate


def fields(batch=2, points=16):
    u = np.random.default_rng(0).normal(size=(batch, points, 2))
    return np.asarray([3.0, 0.1] + [0.4, 1.5] * u, np.float32)


@nnx.jit
def step(surrogate, u, p):
    return surrogate.at(p)(u)


def advance(surrogate, u, p=P):
    """One step, as a numpy array: what tests do with it may broadcast."""
    return np.asarray(step(surrogate, jnp.asarray(u, jnp.float32), p))


@pytest.mark.parametrize("conditioning", CONDITIONINGS, ids=lambda c: type(c).__name__)
def test_a_step_is_what_its_formula_says(conditioning):
    surrogate, u = surrogate_of(conditioning, gain=0.3), fields()
    mean, scale = u.mean(1), u.std(1)
    q = np.concatenate([P, scale, mean], -1).astype(np.float32)
    v = jnp.asarray((u - mean[:, None]) / scale[:, None], jnp.float32)
    inner = surrogate.conditioning
    following, guess = inner(v, inner.prepare(jnp.asarray(q)))
    following, guess = np.asarray(following), None if guess is None else np.asarray(guess)
    start = np.asarray(v) if guess is None else guess
    inner_problem = surrogate.normalisation.inner_problem
    logs = np.asarray(logarithmic(jnp.asarray(q), inner_problem.low, inner_problem.high))
    logs = logs[:, 1:] if isinstance(conditioning, UnconditionedConfig) else logs
    gain = np.exp(logs @ np.asarray(surrogate.normalisation.gain[...]))[:, None]
    expected = mean[:, None] + scale[:, None] * (start + gain * (following - start))
    np.testing.assert_allclose(advance(surrogate, u), expected, rtol=1e-4, atol=1e-4)


def test_without_conditioning_a_step_commutes_with_scaling_and_offset():
    """The model does not see the amplitude and the mean that are taken away, and they are put back afterwards."""
    surrogate, u = surrogate_of(UnconditionedConfig()), fields()
    factor, offset = np.array([20.0, 0.01]), np.array([-7.0, 3.0])
    moved = advance(surrogate, factor * u + offset)
    np.testing.assert_allclose(moved, factor * advance(surrogate, u) + offset, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("conditioning", CONDITIONINGS[:-1], ids=lambda c: type(c).__name__)
def test_conditionings_see_amplitude_and_mean(conditioning):
    surrogate, u = surrogate_of(conditioning), fields()
    surrogate.conditioning.base.out.weight[...] *= 10
    shape = np.diff(advance(surrogate, u), axis=1)
    assert np.abs(np.diff(advance(surrogate, 2.0 * u), axis=1) / 2 - shape).max() > 1e-3
    assert np.abs(np.diff(advance(surrogate, u + 2.0), axis=1) - shape).max() > 1e-3


def test_the_gain_of_an_unconditioned_model_does_not_use_the_parameters():
    surrogate, u = surrogate_of(UnconditionedConfig(), gain=1.0), fields()
    np.testing.assert_array_equal(advance(surrogate, u), advance(surrogate, u, 3.0 * P))
    conditioned = surrogate_of(FiLMConfig(width=4), gain=1.0)
    assert np.abs(advance(conditioned, u) - advance(conditioned, u, 1.2 * P)).max() > 1e-3


def test_means_of_positive_channels_are_seen_on_a_logarithmic_scale():
    inner = SampleNormalisation(problem_of(), uses_parameters=True, history=1).inner_problem
    named = dict(zip(inner.parameters, zip(inner.low, inner.high, strict=True), strict=True))
    assert named["mean of density"] == pytest.approx((0.9, 6.0))
    assert named["mean of velocity"] == (-2.0, 2.0)
    assert named["scale of density"] == pytest.approx((0.05, 0.5)) and named["a"] == (0.5, 2.0)
    unknown = SampleNormalisation(problem_of(channel_low=()), uses_parameters=True, history=1).inner_problem
    assert dict(zip(unknown.parameters, unknown.low, strict=True))["mean of density"] == -0.5


def test_at_first_heads_move_by_the_parameters_alone():
    propagator = surrogate_of(CAPEConfig(heads=3)).conditioning.propagator
    p = jnp.asarray([[2.0, 0.3, 1.0, 3.0, 0.5]])
    same_parameter = p.at[:, 1:].multiply(7.0)
    np.testing.assert_array_equal(propagator.rates(p)[0], propagator.rates(same_parameter)[0])
    assert np.abs(np.asarray(propagator.rates(p)[0] - propagator.rates(2 * p)[0])).max() > 0.1


def test_a_head_that_moves_with_the_mean_obeys_galilean_boosts():
    """If u(x, t) is a solution then so is u(x − c t, t) + c: the boosted step is the step, moved and raised."""
    channel = {"channels": ("u",), "channel_mean": (0.1,), "channel_std": (2.0,), "channel_low": (-4.0,)}
    surrogate = surrogate_of(CAPEConfig(heads=1, width=4), **channel)
    propagator, dt, points = surrogate.conditioning.propagator, surrogate.problem.dt, 16
    mean = 1 + surrogate.normalisation.inner_problem.parameters.index("mean of u")
    propagator.displacement[...] = jnp.zeros_like(propagator.displacement[...]).at[0, mean].set(dt * 2.0)
    propagator.log_diffusion[...] = jnp.full_like(propagator.log_diffusion[...], -jnp.inf)
    surrogate.conditioning.base.out.weight[...] *= 0
    surrogate.conditioning.base.out.bias[...] *= 0
    u, cells = fields(points=points)[..., 1:], 3
    boost = cells / points / dt
    moved = np.roll(advance(surrogate, u), cells, axis=1) + boost
    np.testing.assert_allclose(advance(surrogate, u + boost), moved, atol=2e-5)
    assert np.abs(moved - boost - advance(surrogate, u)).max() > 0.1


def test_uniform_fields_are_steps_with_finite_gradients():
    surrogate = surrogate_of(CAPEConfig(heads=2, width=4), gain=1.0)
    graphdef, params, model_state = nnx.split(surrogate, nnx.Param, ...)
    u = jnp.asarray(np.ones((2, 16, 2)) * [3.0, 0.0], jnp.float32)

    def size(params, u):
        return jnp.square(nnx.merge(graphdef, params, model_state).at(P)(u)).sum()

    value, gradients = jax.jit(jax.value_and_grad(size, (0, 1)))(params, u)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((value, gradients)))
    np.testing.assert_allclose(advance(surrogate, u), u, atol=1e-4)


def test_the_gain_stays_bounded_far_outside_of_training():
    surrogate = surrogate_of(FiLMConfig(width=4), gain=100.0)
    assert np.isfinite(advance(surrogate, 1e5 * fields(), jnp.asarray([[1e6], [1e-9]]))).all()


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(
        ValueError, match="model.normalisation: unknown normalisation 'batch'; known are .*sample"
    ):
        ModelConfig(normalisation="batch")


def with_every_normalisation():
    """Give every conditioning with every normalisation; three of them by default."""
    for normalisation in ("sample", "channel", "off"):
        for conditioning in CONDITIONINGS:
            quick = (normalisation, conditioning) in [
                ("sample", CONDITIONINGS[0]),
                ("sample", CONDITIONINGS[1]),
                ("channel", CONDITIONINGS[0]),
            ]
            marks = () if quick else pytest.mark.thorough
            name = f"{normalisation}-{type(conditioning).__name__}"
            yield pytest.param(normalisation, conditioning, marks=marks, id=name)


@pytest.mark.parametrize(("normalisation", "conditioning"), list(with_every_normalisation()))
def test_a_conserved_mean_stays_to_rounding_and_another_does_not(conditioning, normalisation):
    problem = problem_of(channel_drift=(1e-3, 0.5))
    assert problem.conserved == (True, False) and problem_of().conserved == (False, False)
    u = fields(points=32)
    for conserve in (True, False):
        config = ModelConfig(BASE, conditioning, normalisation, conserve)
        surrogate = Surrogate(problem, config, rngs=nnx.Rngs(0))
        moved = np.abs((advance(surrogate, u) - u).mean(1)).max(0)
        assert bool(moved[0] < 1e-6) is conserve and moved[1] > 1e-4
        # the correction is the same at every point, so the shapes are those of the model without it
        free = advance(Surrogate(problem_of(), config, rngs=nnx.Rngs(0)), u)
        centred = [a - a.mean(1, keepdims=True) for a in (advance(surrogate, u), free)]
        np.testing.assert_allclose(*centred, atol=1e-5)
