"""Surrogates: closed forms, symmetries, parameters by name, every combination, pretrained folders."""

import dataclasses
import itertools
import json
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cape.config import from_dict, to_dict
from cape.datasets.trajectories import from_arrays
from cape.model.attention import ChannelAttention
from cape.model.config import (
    FNO,
    AdaGroupNorm,
    Cape,
    Channels,
    ConvNextUNet,
    FactorisedFNO,
    Film,
    MessagePassing,
    ModelConfig,
    PaperCape,
    PaperFNO,
    PaperUNet,
    Unaware,
    UNet,
    match_size,
)
from cape.model.embedding import EMBEDDINGS, linear, logarithmic
from cape.model.propagator import Propagator
from cape.pretrained import load, save
from cape.problem import Problem
from cape.rollout import persistence, rollout
from cape.surrogate import OutsideTrainedRange, Surrogate, count_parameters

SMALL = FNO(width=4, modes=3, layers=1, projection=4, kernel=3)


def problem_of(*points, channels=1, parameters=("a", "b"), boundary="periodic", low=0.5, high=2.0):
    dimension, count = len(points), len(parameters)
    return Problem(
        equation="unknown",
        channels=tuple(f"u{i}" for i in range(channels)),
        parameters=parameters,
        boundaries=(boundary,) * dimension,
        resolution=points,
        origin=tuple(0.5 / n for n in points),
        length=(1.0,) * dimension,
        dt=0.1,
        steps=5,
        channel_mean=(0.3,) * channels,
        channel_std=(2.0,) * channels,
        low=(low,) * count,
        high=(high,) * count,
    )


def build(problem, base=SMALL, conditioning=None, seed=0):
    """Build a surrogate whose last layers do not start small, so that every part is seen in its output."""
    conditioning = conditioning or Cape(heads=2, width=4)
    surrogate = Surrogate(problem, ModelConfig(base, conditioning), rngs=nnx.Rngs(seed))
    surrogate.conditioned.base.out.weight[...] = 10 * surrogate.conditioned.base.out.weight[...]
    return surrogate


def waves(*points, modes=3, batch=2, channels=1, seed=0):
    """Draw a smooth periodic field: a few random modes per axis, the same function on every grid."""
    random = np.random.default_rng(seed)
    u = 0.0
    axes = np.meshgrid(*(np.arange(n) / n for n in points), indexing="ij")
    for k in itertools.product(range(-modes, modes + 1), repeat=len(points)):
        phase = 2 * np.pi * sum(ki * x for ki, x in zip(k, axes, strict=True))
        a, b = random.normal(size=(2, batch, *(1,) * len(points), channels))
        u = u + a * np.cos(phase)[None, ..., None] + b * np.sin(phase)[None, ..., None]
    return jnp.asarray(u, jnp.float32)


@nnx.jit
def predict(surrogate, u, p):
    return surrogate.at(p)(u)


P = jnp.asarray([[0.7, 1.5], [1.1, 0.6]])


@pytest.fixture(scope="module")
def small():
    return build(problem_of(16))


# ---- rollout: any one-step map ------------------------------------------------------------------------------


def test_rollout_of_an_exact_shift_is_the_shifted_field():
    u0, speed, n = waves(32), 0.03, 32
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(n, 1 / n) * speed)[None, :, None]
    one = jnp.asarray(phase, jnp.complex64)
    frames = rollout(lambda u: jnp.fft.irfft(jnp.fft.rfft(u, axis=1) * one, n, axis=1), u0, 4)
    assert frames.shape == (2, 4, 32, 1)
    for t in range(1, 5):
        exact = np.fft.irfft(np.fft.rfft(u0, axis=1) * phase**t, n, axis=1)
        np.testing.assert_allclose(frames[:, t - 1], exact, atol=2e-5)


def test_rollouts_join(small):
    u0 = waves(16)
    five, two = (small.rollout(u0, {"a": 1.0, "b": 0.7}, steps) for steps in (5, 2))
    three = small.rollout(two[:, -1], {"a": 1.0, "b": 0.7}, 3)
    np.testing.assert_allclose(five, jnp.concatenate([two, three], 1), atol=1e-5)


def test_persistence_never_moves_and_no_step_is_refused():
    u0 = waves(8)
    np.testing.assert_array_equal(rollout(persistence, u0, 3), jnp.stack([u0] * 3, 1))
    for steps in (0, 1.5, "3"):
        with pytest.raises(ValueError, match=f"at least one step, a whole number, got {steps!r}"):
            rollout(persistence, u0, steps)


# ---- the propagator contains advection and diffusion ---------------------------------------------------------


def exact_propagator(problem, shift, nu):
    """Make a propagator of which head 1 displaces by shift·a/â and diffuses by nu·b/b̂, and is the guess."""
    propagator = Propagator(problem, heads=2, reach=1.0, rngs=nnx.Rngs(0))
    displacement = np.zeros(propagator.displacement.shape, np.float32)
    displacement[1, 1] = shift
    logs = np.full(propagator.log_diffusion.shape, -np.inf, np.float32)
    logs[1, 2] = np.log(nu)
    mix = np.zeros(propagator.mix.shape, np.float32)
    mix[:, 1] = np.eye(len(mix))
    propagator.displacement[...] = displacement
    propagator.log_diffusion[...] = logs
    propagator.mix[...] = mix
    return propagator


@nnx.jit
def propagate(propagator, u, p):
    return propagator(u, propagator.rates(p))


@pytest.mark.parametrize("points", [(32,), (31,), (16, 24), (24, 15)])
def test_a_head_is_exact_advection_and_diffusion(points):
    problem, dimension = problem_of(*points), len(points)
    shift, nu = np.asarray([0.3, -0.2])[:dimension], 4e-3
    propagator = exact_propagator(problem, shift, nu)
    p = np.asarray([[0.5, 2.0], [2.0, 0.25]], np.float32)
    axes = np.meshgrid(*(np.arange(n) / n for n in points), indexing="ij")
    wave = np.asarray([3, 2])[:dimension]

    def exact(displaced, decay):
        phase = sum(k * (x - s) for k, x, s in zip(wave, axes, displaced, strict=True))
        return decay * np.cos(2 * np.pi * phase)[..., None]

    u = jnp.asarray(np.stack([exact(0 * shift, 1.0)] * 2), jnp.float32)
    guess, heads = propagate(propagator, u, jnp.asarray(p))
    squared = (2 * np.pi) ** 2 * np.sum(wave**2)
    expected = [exact(shift * a / 2.0, np.exp(-nu * b / 2.0 * squared)) for a, b in p]
    np.testing.assert_allclose(guess, expected, atol=2e-6)
    assert heads.shape == (2, *points, 2)
    np.testing.assert_allclose(heads[..., 0], u[..., 0], atol=2e-6)  # head 0 neither displaces nor diffuses


def test_whatever_the_mix_a_guess_keeps_means_and_uniform_fields():
    problem = problem_of(16, channels=2)
    propagator = Propagator(problem, heads=3, reach=0.3, rngs=nnx.Rngs(0))
    propagator.mix[...] = jax.random.normal(jax.random.key(0), propagator.mix.shape)
    u = jax.random.normal(jax.random.key(1), (2, 16, 2)) + 5.0
    guess, _ = propagate(propagator, u, P)
    assert float(jnp.abs(guess - u).max()) > 0.1
    np.testing.assert_allclose(guess.mean(1), u.mean(1), rtol=1e-5)
    uniform = jnp.full((2, 16, 2), 3.0)
    np.testing.assert_allclose(propagate(propagator, uniform, P)[0], uniform, rtol=1e-5)


def test_where_nothing_is_transported_every_head_diffuses_at_its_own_rate():
    problem = problem_of(16, 16)
    for reach, different in ((0.0, 4), (1.0, 2)):
        block = Propagator(problem, heads=4, reach=reach, rngs=nnx.Rngs(0))
        displacement, diffusion = block.rates(jnp.asarray([problem.high]))
        strong = np.asarray(diffusion[0])[np.asarray(diffusion[0]) > 1e-5]
        assert len(np.unique(strong)) == len(strong) == different
        assert (np.abs(np.asarray(displacement)).max() > 0) == (reach > 0)


def test_attention_is_a_perceptron_of_the_logarithms_of_the_parameters():
    problem = problem_of(8, low=1e-3, high=1e-1)
    attention = ChannelAttention(problem, (3, 2), width=5, rngs=nnx.Rngs(0))
    p = jnp.asarray([[1e-3, 1e-1], [1e-2, 1.0]])
    logs = np.array([[-1.0, 1.0], [0.0, 2.0]])
    hidden = logs @ np.asarray(attention.first.weight[...]) + np.asarray(attention.first.bias[...])
    hidden = np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / 2**0.5)))(hidden)
    expected = hidden @ np.asarray(attention.second.weight[...]) + np.asarray(attention.second.bias[...])
    vectors = attention.vectors(p)
    assert [v.shape for v in vectors] == [(2, 6), (2, 4)]
    np.testing.assert_allclose(np.concatenate(vectors, -1), expected, atol=1e-5)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_attention_is_told_the_parameters_as_its_embedding_has_them(name):
    attention = ChannelAttention(problem_of(8), (3,), width=5, embedding=name, rngs=nnx.Rngs(0))
    assert attention.first.weight.shape[0] == 2 * EMBEDDINGS[name].features
    vectors = attention.vectors(jnp.asarray([[0.5, 1.0], [0.5, 2.0]]))[0]
    assert np.isfinite(vectors).all() and np.abs(vectors[0] - vectors[1]).max() > 1e-4


@pytest.mark.parametrize("kind", [Cape, Film, AdaGroupNorm])
def test_conditionings_tell_their_attention_the_embedding_asked_for(kind):
    surrogate = build(problem_of(8), SMALL, kind(embedding="both"))
    attention = surrogate.conditioned.attention
    assert attention.first.weight.shape[0] == 2 * len(attention.low)


def test_an_unknown_embedding_is_refused():
    with pytest.raises(
        ValueError, match="embedding: expected one of logarithm, value, both, waves, got 'log'"
    ):
        ChannelAttention(problem_of(8), (3,), width=5, embedding="log", rngs=nnx.Rngs(0))


@pytest.mark.parametrize("points", [(32,), (16, 20)])
def test_between_walls_a_head_is_diffusion_without_flux(points):
    problem = problem_of(*points, boundary="wall")
    propagator = exact_propagator(problem, 0.0, nu=5e-3)
    axes = np.meshgrid(*((np.arange(n) + 0.5) / n for n in points), indexing="ij")  # cell centres
    u = np.prod([np.cos(np.pi * (k + 1) * x) for k, x in enumerate(axes)], 0)[None, ..., None]
    guess, _ = propagate(propagator, jnp.asarray(u, jnp.float32), jnp.asarray([[1.0, 2.0]]))
    squared = np.pi**2 * sum((k + 1) ** 2 for k in range(len(points)))
    np.testing.assert_allclose(guess, np.exp(-5e-3 * squared) * u, atol=2e-6)


# ---- symmetries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "points", "shift"),
    [
        (SMALL, (16,), (5,)),
        (SMALL, (15,), (4,)),
        (SMALL, (8, 12), (3, -5)),
        (UNet(features=4, levels=2), (16,), (4,)),
        (UNet(features=4, levels=2), (8, 12), (4, -8)),
        (FactorisedFNO(width=4, modes=3, layers=1, projection=4, kernel=3), (8, 12), (3, -5)),
        (ConvNextUNet(features=4, levels=1, kernel=3), (16,), (2,)),
        (MessagePassing(width=4, layers=1, radius=2), (15,), (4,)),
    ],
)
def test_a_periodic_model_commutes_with_shifts(base, points, shift):
    surrogate, u = build(problem_of(*points), base), waves(*points, modes=2)
    axes = tuple(range(1, 1 + len(points)))
    y = predict(surrogate, u, P)
    np.testing.assert_allclose(
        predict(surrogate, jnp.roll(u, shift, axes), P),
        jnp.roll(y, shift, axes),
        atol=2e-5 * float(abs(y).max()),
    )


def test_the_default_model_is_one_function_on_every_grid():
    base = FNO(width=4, modes=3, layers=2, projection=4, kernel=0)
    surrogate = build(problem_of(64), base)
    coarse, fine = (predict(surrogate, waves(n), P) for n in (64, 128))
    # gelu makes harmonics that 64 points fold back: small for smooth fields, not zero
    np.testing.assert_allclose(fine[:, ::2], coarse, atol=1e-3 * float(abs(coarse).max()))


# ---- embedding -----------------------------------------------------------------------------------------------


def test_embedding_tells_small_parameters_apart_and_extrapolates_finitely():
    low, high = (1e-8,), (1e-1,)
    values = jnp.asarray([[1e-8], [1e-3], [1e-1], [0.0], [1e4], [-1.0]])
    x = logarithmic(values, low, high)[:, 0]
    np.testing.assert_allclose(x[:3], [-1.0, 3 / 7, 1.0], atol=1e-5)
    assert np.isfinite(x).all() and np.isfinite(linear(values, low, high)).all()
    assert x[4] > 1.0


def test_embedding_of_ranges_through_zero_is_odd_and_monotone():
    low, high = (-2.0,), (2.0,)
    values = jnp.asarray([[-2.0], [-1e-2], [0.0], [1e-2], [2.0]])
    x = np.asarray(logarithmic(values, low, high)[:, 0])
    np.testing.assert_allclose(x, -x[::-1], atol=1e-6)
    np.testing.assert_allclose(x[[0, -1]], [-1.0, 1.0], atol=1e-6)
    assert (np.diff(x) > 0).all()


def test_embeddings_keep_the_features_of_a_sample_together():
    p, low, high = jnp.asarray([[1e-2, 3.0], [1e-1, 2.0]]), (1e-3, 1.0), (1e-1, 4.0)
    logs = np.asarray(logarithmic(p, low, high))
    np.testing.assert_allclose(EMBEDDINGS["both"].embed(p, low, high), np.c_[[[0.1, 0.75], [1.0, 0.5]], logs])
    waves = np.asarray(EMBEDDINGS["waves"].embed(p, low, high)).reshape(2, 2, 8)
    np.testing.assert_allclose(waves[..., 0], np.sin(np.pi / 2 * logs), atol=1e-6)
    np.testing.assert_allclose(waves[..., 7], np.cos(4 * np.pi * logs), atol=1e-5)


@pytest.mark.parametrize(("low", "high"), [((0.0,), (0.0,)), ((3.0,), (3.0,)), ((0.0,), (1.0,))])
def test_embedding_of_ranges_without_width_is_finite_with_its_gradient(low, high):
    for value in (0.0, 1.0, 3.0):
        both = jax.value_and_grad(
            lambda p: sum(form(p[None, None], low, high).sum() for form, _ in EMBEDDINGS.values())
        )
        x, slope = both(jnp.float32(value))
        assert np.isfinite(x) and np.isfinite(slope)


# ---- parameters by name --------------------------------------------------------------------------------------


def test_binding_parameters_once_equals_predicting(small):
    u = waves(16)
    np.testing.assert_array_equal(small.at(P)(u), small.predict(u, small.prepare(P)).next)


def test_parameters_come_by_name_in_any_order_or_as_an_array(small):
    u0 = waves(16)
    expected = small.rollout(u0, P, 2)
    by_name = {"b": P[:, 1], "a": P[:, 0]}
    np.testing.assert_array_equal(small.rollout(u0, by_name, 2), expected)
    both = small.rollout(u0, {"a": 0.7, "b": np.float64(1.5)}, 2)
    np.testing.assert_array_equal(both, small.rollout(u0, [0.7, 1.5], 2))
    np.testing.assert_allclose(both[0], expected[0], atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"a": 1.0}, r"expected parameters \('a', 'b'\) for 2 sample"),
        ({"a": 1.0, "c": 1.0}, r"got \('a', 'c'\); missing: b, unknown: c"),
        ({"a": 1.0, "b": "fast"}, "b: expected numbers, got 'fast'"),
        ({"a": 1.0, "b": None}, "b: expected numbers, got None"),
        (None, r"expected parameters \('a', 'b'\) by name or as an array: expected numbers, got None"),
        ({"a": 1.0, "b": [1.0, 1.0, 1.0]}, r"b must be a number or \[2\], got shape \(3,\)"),
        ([1.0, 1.0, 1.0], r"expected parameters \(2, 2\) in the order \('a', 'b'\), got \(3,\)"),
        ({"a": 1.0, "b": float("nan")}, "finite parameters"),
        ({"a": 1.0, "b": float("inf")}, "finite parameters"),
    ],
)
def test_wrong_parameters_are_named(small, parameters, message):
    with pytest.raises(ValueError, match=message):
        small.rollout(waves(16), parameters, 1)


@pytest.mark.parametrize("shape", [(16, 1), (2, 16), (2, 16, 2), (2, 16, 16, 1), (0, 16, 1)])
def test_wrong_fields_are_named(small, shape):
    with pytest.raises(ValueError, match=r"expected u \[batch, 1 space axes, 1 channel"):
        small.rollout(np.zeros(shape), P, 1)


def test_outside_the_trained_range_it_warns_and_predicts(small):
    u0 = waves(16)
    with pytest.warns(
        OutsideTrainedRange, match=r"b = 3 \(trained on 0.5 to 2\): the surrogate extrapolates"
    ):
        frames = small.rollout(u0, {"a": 1.0, "b": 3.0}, 1)
    assert np.isfinite(frames).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small.rollout(u0, {"a": 0.5, "b": 2.0}, 1)


# ---- every combination ---------------------------------------------------------------------------------------

BASES = (
    FNO(width=4, modes=2, layers=1, projection=4, kernel=3),
    UNet(features=4, levels=1),
    PaperFNO(width=4, modes=2, layers=1, projection=4),
    PaperUNet(features=4, levels=1),
    FactorisedFNO(width=4, modes=2, layers=1, expansion=1, projection=4, kernel=3),
    ConvNextUNet(features=4, levels=1, kernel=3, expansion=1),
    MessagePassing(width=4, layers=1, radius=1),
)
CONDITIONINGS = (
    Cape(heads=2, width=4),
    PaperCape(widening=4, kernel=3),
    Film(width=4),
    AdaGroupNorm(width=4),
    Channels(),
    Channels(residual=False),
    Unaware(),
    Unaware(residual=False),
)


@nnx.jit
def predict_and_differentiate(surrogate, u, p):
    def half_square(surrogate):
        y = surrogate.at(p)(u)
        return 0.5 * jnp.sum(y**2), y

    (_, y), gradients = nnx.value_and_grad(half_square, has_aux=True)(surrogate)
    return y, gradients


@pytest.mark.parametrize(("points", "boundary"), [((8,), "periodic"), ((8, 12), "wall")], ids=["1d", "2d"])
@pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
@pytest.mark.parametrize(
    "conditioning", CONDITIONINGS, ids=lambda c: f"{type(c).__name__}{vars(c).get('residual', '')}"
)
def test_every_combination_builds(base, conditioning, points, boundary):
    # traced here, which finds every mistake of shapes; each part is compiled once, below
    problem = problem_of(*points, channels=2, boundary=boundary)

    def run():
        surrogate = Surrogate(problem, ModelConfig(base, conditioning), rngs=nnx.Rngs(0))
        return surrogate.at(P)(jnp.zeros((2, *points, 2)))

    assert nnx.eval_shape(run).shape == (2, *points, 2)


@pytest.mark.parametrize(
    ("base", "conditioning", "points", "boundary"),
    [
        (BASES[0], Cape(heads=2, width=4), (8, 12), "periodic"),
        (BASES[0], Cape(heads=2, width=4), (8,), "wall"),
        (BASES[1], Film(width=4), (8,), "periodic"),
        (BASES[2], PaperCape(widening=4, kernel=3), (8,), "periodic"),
        (BASES[3], Channels(residual=False), (8,), "periodic"),
        (BASES[0], AdaGroupNorm(width=4), (8,), "periodic"),
        (BASES[0], Channels(), (8,), "periodic"),
        (BASES[0], Unaware(), (8,), "periodic"),
        (BASES[4], Cape(heads=2, width=4), (8, 12), "wall"),
        (BASES[5], Film(width=4), (8,), "wall"),
        (BASES[6], Cape(heads=2, width=4), (8,), "wall"),
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
    with pytest.raises(ValueError, match="unaware"):
        Surrogate(problem, ModelConfig(SMALL, Film()), rngs=nnx.Rngs(0))
    assert build(problem, SMALL, Unaware()).rollout(waves(8), {}, 1).shape == (2, 1, 8, 1)


def test_paper_cape_names_its_resolution():
    with pytest.raises(ValueError, match="divisible by 4"):
        build(problem_of(10), SMALL, PaperCape(widening=4))
    surrogate = build(problem_of(8), SMALL, PaperCape(widening=4, kernel=3))
    with pytest.raises(ValueError, match=r"tied to its resolution \(8,\), got \(16,\)"):
        surrogate.rollout(waves(16), P, 1)


@pytest.mark.parametrize(
    "base",
    [FNO(modes=2, layers=1, kernel=0), UNet(levels=1), FactorisedFNO(modes=2, layers=1),
     ConvNextUNet(levels=1), MessagePassing(layers=1)],
    ids=lambda base: type(base).__name__,
)  # fmt: skip
def test_match_size_finds_the_widest_base_not_above_the_target(base):
    def count(config):
        return count_parameters(nnx.eval_shape(lambda: Surrogate(problem_of(8), config, rngs=nnx.Rngs(0))))

    config = match_size(ModelConfig(base, Film(width=4)), 6000, count)
    name, step = "width" if hasattr(base, "width") else "features", 4 if isinstance(base, UNet) else 1
    wider = dataclasses.replace(config.base, **{name: getattr(config.base, name) + step})
    assert count(config) <= 6000 < count(dataclasses.replace(config, base=wider))
    assert config.conditioning == Film(width=4)
    with pytest.raises(ValueError, match="expected a target of at least"):
        match_size(ModelConfig(base, Film(width=4)), 10, count)


# ---- pretrained folders --------------------------------------------------------------------------------------


@pytest.fixture
def folder(small, tmp_path):
    save(small, tmp_path)
    return tmp_path


def test_a_pretrained_folder_gives_the_same_surrogate_bit_by_bit(small, folder):
    u0, again = waves(16), load(folder)
    assert (again.problem, again.config) == (small.problem, small.config)
    np.testing.assert_array_equal(again.rollout(u0, P, 2), small.rollout(u0, P, 2))
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "weights.safetensors"]


@pytest.mark.parametrize("base", BASES[-3:], ids=lambda base: type(base).__name__)
def test_every_base_is_kept_with_its_settings_and_weights(base, tmp_path):
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(ModelConfig(base)))), "x") == ModelConfig(
        base
    )
    surrogate = build(problem_of(8, boundary="wall"), base, Film(width=4))
    save(surrogate, tmp_path)
    again, u = load(tmp_path), waves(8, modes=2)
    assert again.config == surrogate.config
    np.testing.assert_array_equal(predict(again, u, P), predict(surrogate, u, P))


def test_running_statistics_are_kept(tmp_path):
    surrogate = build(problem_of(8), PaperUNet(features=4, levels=1), Unaware())
    for norm in (surrogate.conditioned.base.bottleneck.norm1, surrogate.conditioned.base.encoders[0].norm2):
        norm.mean[...] = norm.mean[...] + 0.25
    save(surrogate, tmp_path)
    np.testing.assert_array_equal(predict(load(tmp_path), waves(8), P), predict(surrogate, waves(8), P))


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def problem_edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    edited(folder, problem=config["problem"] | changes)


LAYERED = {
    "base": {"kind": "FNO"} | dataclasses.asdict(SMALL) | {"layers": 2},
    "conditioning": {"kind": "Cape", "heads": 2, "width": 4},
}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "expected a pretrained folder"),
        (
            lambda f: (f / "weights.safetensors").unlink(),
            "weights.safetensors: missing; a pretrained folder holds config.json and",
        ),
        (
            lambda f: (f / "weights.safetensors").write_bytes(b"\x00" * 40),
            "weights.safetensors: damaged, expected a whole safetensors file",
        ),
        (
            lambda f: (f / "weights.safetensors").write_bytes((f / "weights.safetensors").read_bytes()[:-9]),
            "weights.safetensors: damaged, expected a whole safetensors file",
        ),
        (lambda f: (f / "config.json").write_text("{"), "not the config.json"),
        (lambda f: (f / "config.json").write_text("[]"), "not the config.json"),
        (lambda f: edited(f, format=99), "format 99, this version of cape reads 2; upgrade"),
        (lambda f: edited(f, problem={}), "problem: expected the keys"),
        (lambda f: edited(f, model={"bases": {}}), "unknown key 'bases'; did you mean 'base'"),
        (lambda f: edited(f, format=0), "format 0, this version of cape reads 2; it is damaged"),
        (
            lambda f: problem_edited(f, channels=["../../u"]),
            r"channels: '../../u' is no name: expected letters",
        ),
        (lambda f: problem_edited(f, parameters=["a", "a"]), r"expected names that differ, got \('a', 'a'\)"),
        (lambda f: problem_edited(f, resolution=[-4]), r"one step and one point per axis, got 5 and \(-4,\)"),
        (
            lambda f: edited(f, model=LAYERED),
            "does not match config.json, of another surrogate; missing cond.*in all",
        ),
        (
            lambda f: edited(f, model={"base": {"kind": "FNO", "width": 5}}),
            "does not match config.json|expected .* got",
        ),
    ],
)
def test_a_spoilt_pretrained_folder_is_named(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        load(folder)


def test_problem_goes_through_json():
    problem = problem_of(8, 12)
    assert Problem.from_dict(json.loads(json.dumps(dataclasses.asdict(problem)))) == problem


def test_statistics_are_read_a_few_samples_at_a_time():
    u = np.random.default_rng(0).normal(1000.0, 0.5, (130, 2, 8, 2)).astype(np.float32) * [1.0, 1e-3]
    x = np.arange(8) / 8
    data = {
        "channel_names": ("a", "b"),
        "coordinates": (x,),
        "times": (0.0, 0.1),
        "boundaries": ("periodic",),
    }
    read = Problem.of(from_arrays(u, np.ones((130, 1)), ("nu",), **data))
    np.testing.assert_allclose(
        read.channel_mean, u.astype(np.float32).mean((0, 1, 2), dtype=np.float64), rtol=1e-9
    )
    np.testing.assert_allclose(
        read.channel_std, u.astype(np.float32).std((0, 1, 2), dtype=np.float64), rtol=1e-6
    )
    means = u.astype(np.float32).mean(2, dtype=np.float64)
    drift = np.sqrt(((means - means[:, :1]) ** 2).mean((0, 1)))
    np.testing.assert_allclose(read.channel_drift, drift, rtol=1e-4)
    assert read.conserved == (False, False)
    kept = Problem.of(from_arrays(u - u.mean(2, keepdims=True), np.ones((130, 1)), ("nu",), **data))
    assert kept.conserved == (True, True)
    with pytest.raises(ValueError, match="'b'.*constant"):
        Problem.of(from_arrays(u * [1.0, 0.0] + 3.0, np.ones((130, 1)), ("nu",), **data))
