"""Layers of solvers: convolutions against loops, gelu against its formula, resampling, initial weights."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import erf
from solver_checks import close, field, inside, leading

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import (
    Convolution,
    DepthwiseConvolution,
    Pointwise,
    convolve,
    convolve_by_product,
    mix,
)
from cape.solvers.layers.initialisation import ElementwiseParam
from cape.solvers.layers.layout import channels_last
from cape.solvers.layers.normalisation import standardise
from cape.solvers.layers.resampling import Doubling, halve


def test_gelu_is_exact():
    x = np.linspace(-6, 6, 1001)
    np.testing.assert_allclose(
        gelu(jnp.asarray(x, jnp.float32)), x * (1 + erf(x / np.sqrt(2))) / 2, atol=1e-6
    )


def convolution_by_loop(u, weight, boundaries, depthwise=1):
    modes = {"periodic": "wrap", "outgoing": "edge", "wall": "edge", "zeros": "constant"}
    u, weight = np.asarray(u, float), np.asarray(weight, float)
    kernel = weight.shape[: len(boundaries)]
    space = u.shape[1:-1]
    for axis, (k, boundary) in enumerate(zip(kernel, boundaries, strict=True), start=1):
        around = [(0, 0)] * u.ndim
        around[axis] = (k // 2, k // 2)
        u = np.pad(u, around, mode=modes[boundary])
    y = 0.0
    for entry in product(*map(range, kernel)):
        view = u[(slice(None), *(slice(i, i + n) for i, n in zip(entry, space, strict=True)))]
        y = y + (
            np.repeat(view, depthwise, axis=-1) * weight[entry] if depthwise > 1 else view @ weight[entry]
        )
    return y


BOUNDARIES = [("periodic",), ("zeros",), ("outgoing", "periodic"), ("periodic", "zeros", "wall")]


@pytest.mark.parametrize("boundaries", BOUNDARIES)
@pytest.mark.parametrize("channels", [1, 4])
def test_convolution_equals_a_loop(boundaries, channels):
    kernel = (3, 5, 3)[: len(boundaries)]
    layer = Convolution(channels, 5, kernel, boundaries=boundaries, rngs=nnx.Rngs(0))
    u = field(2, *(7, 6, 8)[: len(boundaries)], channels)
    close(
        inside(layer, u), convolution_by_loop(u, layer.weight[...], boundaries) + np.asarray(layer.bias[...])
    )
    bare = Convolution(channels, 5, kernel, boundaries=boundaries, bias=False, rngs=nnx.Rngs(0))
    close(inside(bare, u), convolution_by_loop(u, bare.weight[...], boundaries))


@pytest.mark.parametrize("kernel", [(5,), (3, 5), (3, 1, 5)])
def test_both_ways_to_convolve_agree(kernel):
    """The one for CPUs and the one for accelerators: results and gradients."""
    h, weight = field(3, 2, *(7, 6, 8)[: len(kernel)]), field(*kernel, 3, 4)

    def results(way):
        return jax.value_and_grad(lambda h, weight: jnp.sum(jnp.sin(way(h, weight))), argnums=(0, 1))

    (a, da), (b, db) = (jax.jit(results(way))(h, weight) for way in (convolve, convolve_by_product))
    close(a, b)
    for x, y in zip(da, db, strict=True):
        close(x, y)


@pytest.mark.parametrize("space", [(64,), (16, 8), ()])
def test_mixing_channels_is_one_product(space):
    """Results and gradients."""
    h, weight = field(3, 2, *space), field(3, 4)

    def results(way):
        return jax.value_and_grad(lambda h, weight: jnp.sum(jnp.sin(way(h, weight))), argnums=(0, 1))

    def plain(h, weight):
        return jnp.moveaxis(jnp.moveaxis(h, 0, -1) @ weight, -1, 0)

    (a, da), (b, db) = (jax.jit(results(way))(h, weight) for way in (mix, plain))
    close(a, b)
    for x, y in zip(da, db, strict=True):
        close(x, y)


def test_gelu_has_the_gradient_of_its_formula_forwards_and_backwards():
    x = jnp.linspace(-6, 6, 1001)
    z = np.asarray(x, float)
    expected = (1 + erf(z / np.sqrt(2))) / 2 + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(jax.grad(lambda x: gelu(x).sum())(x), expected, atol=1e-6)
    np.testing.assert_allclose(jax.jvp(gelu, (x,), (jnp.ones_like(x),))[1], expected, atol=1e-6)


@pytest.mark.parametrize("boundaries", BOUNDARIES)
def test_depthwise_convolution_equals_a_loop(boundaries):
    layer = DepthwiseConvolution(3, 2, 5, boundaries=boundaries, bias=True, rngs=nnx.Rngs(0))
    u = field(2, *(7, 6, 8)[: len(boundaries)], 3)
    expected = convolution_by_loop(u, layer.weight[...], boundaries, 2)
    close(inside(layer, u), expected + np.asarray(layer.bias[...]))


def test_weights_start_as_in_pytorch():
    layers = [
        (Convolution(4, 64, 5, boundaries=("zeros",) * 2, rngs=nnx.Rngs(0)), 100),
        (DepthwiseConvolution(64, 2, 5, boundaries=("zeros",), bias=True, rngs=nnx.Rngs(0)), 5),
        (Pointwise(64, 64, rngs=nnx.Rngs(0)), 64),
        (Doubling(16, 32, dimension=2, rngs=nnx.Rngs(0)), 128),
    ]
    for layer, fan_in in layers:
        for values in (layer.weight[...], layer.bias[...]):
            assert 0.8 * fan_in**-0.5 < np.abs(values).max() <= fan_in**-0.5


@pytest.mark.parametrize("space", [(6,), (4, 6), (2, 4, 6)])
def test_halving_and_doubling(space):
    u = field(2, *space, 3)
    half = np.asarray(u)
    for axis, n in enumerate(space, start=1):
        half = half.reshape(*half.shape[:axis], n // 2, 2, *half.shape[axis + 1 :]).max(axis + 1)
    np.testing.assert_array_equal(channels_last(halve(leading(u))), half)
    layer = Doubling(3, 5, dimension=len(space), rngs=nnx.Rngs(0))
    y = inside(layer, u)
    assert y.shape == (2, *(2 * n for n in space), 5)
    for entry in product((0, 1), repeat=len(space)):
        part = np.asarray(y)[(slice(None), *(slice(i, None, 2) for i in entry))]
        close(part, np.asarray(u) @ np.asarray(layer.weight[...])[entry] + np.asarray(layer.bias[...]))


def test_standardised_maps_have_mean_zero_and_variance_one_over_space_and_groups():
    h = 3.0 + 2.0 * np.random.default_rng(0).standard_normal((16, 2, 6, 5), np.float32)
    groups = np.asarray(standardise(jnp.asarray(h))).reshape(8, 2, 2, -1)  # [group, of it, sample, point]
    np.testing.assert_allclose(groups.mean((1, 3)), 0.0, atol=1e-5)
    np.testing.assert_allclose(groups.var((1, 3)), 1.0, rtol=1e-4)


def test_a_layer_can_be_scaled_with_its_bias_or_without_one():
    for bias in (True, False):
        layer = Pointwise(3, 2, bias=bias, rngs=nnx.Rngs(0))
        u = field(2, 5, 3)
        before = inside(layer, u)
        layer.scale(0.25)
        np.testing.assert_array_equal(inside(layer, u), 0.25 * before)


def test_weights_of_depthwise_convolutions_are_marked_as_elementwise():
    layer = DepthwiseConvolution(3, 1, 5, boundaries=("wall",), bias=True, rngs=nnx.Rngs(0))
    assert type(layer.weight) is ElementwiseParam
    assert type(Convolution(3, 1, 5, boundaries=("wall",), rngs=nnx.Rngs(0)).weight) is nnx.Param
