"""Factorised FNO, ConvNeXt U-Net and message passing against their definitions, written out point by point."""

from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import erf
from solver_checks import RANDOM, apply, close, field, inside, leading

from cape.solvers.convnext_unet import ConvNextBlock, ConvNextUNet
from cape.solvers.factorised_fno import AxisSpectralConvolution, FactorisedFNO
from cape.solvers.layers.layout import channels_last
from cape.solvers.layers.normalisation import LayerNorm
from cape.solvers.layers.resampling import pairs_to_channels
from cape.solvers.message_passing import MessageLayer, MessagePassing
from cape.solvers.solver import unmodulated


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def linear(layer, x):
    y = x @ np.asarray(layer.weight[...], float)
    return y if layer.bias is None else y + np.asarray(layer.bias[...], float)


def normalised(norm, x):
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return y * np.asarray(norm.scale[...], float) + np.asarray(norm.bias[...], float)


def scatter(module):
    """Give every weight of a module a random value, so that none is left out by being 0 or 1."""
    for _, leaf in nnx.to_flat_state(nnx.state(module, nnx.Param)):
        leaf[...] = 0.4 * field(*leaf.shape)
    return module


# ---- message passing -----------------------------------------------------------------------------------------


def neighbours(i, space, boundaries, radius):
    """List (index of the point that speaks, offset) for the ball around i, as the boundaries say."""
    for offset in product(range(-radius, radius + 1), repeat=len(space)):
        if 0 < sum(o * o for o in offset) <= radius**2:
            ends = zip(i, offset, space, boundaries, strict=True)
            yield tuple((a + o) % n if boundary == "periodic" else min(max(a + o, 0), n - 1)
                        for a, o, n, boundary in ends), np.asarray(offset)  # fmt: skip


@pytest.mark.parametrize(
    ("space", "boundaries", "radius"),
    [((7,), ("periodic",), 3), ((7,), ("wall",), 2), ((5, 6), ("periodic", "outgoing"), 2)],
)
def test_a_message_layer_is_a_loop_over_the_edges_of_the_graph(space, boundaries, radius):
    """Also shows that merging the linear maps changes nothing: here each message is sent by itself."""
    layer = scatter(MessageLayer(2, 4, radius=radius, boundaries=boundaries, rngs=nnx.Rngs(0)))
    u, h = field(1, *space, 2), field(1, *space, 4)
    found = nnx.jit(lambda layer, h, u: layer(h, u, 0, unmodulated))(layer, leading(h), leading(u))
    direction = np.asarray(layer.direction[...], float)
    us, hs, expected = np.asarray(u, float)[0], np.asarray(h, float)[0], np.zeros((*space, 4))
    normal = normalised(layer.norm, hs)
    for i in np.ndindex(space):
        messages = [
            gelu(
                linear(layer.receiver, normal[i])
                + linear(layer.sender, normal[j])
                + linear(layer.difference, us[i] - us[j])
                - offset / radius @ direction
            )
            for j, offset in neighbours(i, space, boundaries, radius)
        ]
        received = np.concatenate([normal[i], np.mean(messages, axis=0)])
        expected[i] = hs[i] + linear(layer.last, gelu(linear(layer.update, received)))
    close(channels_last(found)[0], expected)


def test_messages_travel_radius_times_layers_points():
    model = MessagePassing(1, 1, boundaries=("periodic",), width=4, layers=2, radius=3, rngs=nnx.Rngs(0))
    u = field(1, 32, 1)
    change = np.abs(apply(model, u.at[0, 10, 0].add(1.0)) - apply(model, u))[0, :, 0]
    assert change[[4, 16]].min() > 0 and change[:4].max() == change[17:].max() == 0


# ---- factorised FNO ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "modes"), [((16,), (5,)), ((12, 16), (4, 5)), ((6, 8, 10), (3, 2, 4))])
def test_spectral_convolution_by_axis_equals_fft_along_each(space, modes):
    layer = AxisSpectralConvolution(3, modes, rngs=nnx.Rngs(0))
    u = field(2, *space, 3)
    expected = 0.0
    for axis, (one, count) in enumerate(zip(layer.axes, modes, strict=True), start=1):
        weight = np.asarray(one.real[...], float) + 1j * np.asarray(one.imaginary[...], float)
        spectrum = np.moveaxis(np.fft.rfft(np.asarray(u, float), axis=axis), axis, -2)
        turned = np.zeros_like(spectrum)
        turned[..., :count, :] = np.einsum("...ki,kio->...ko", spectrum[..., :count, :], weight)
        expected = expected + np.fft.irfft(np.moveaxis(turned, -2, axis), space[axis - 1], axis=axis)
    close(inside(layer, u), expected)


def test_factorised_weights_grow_with_the_sum_of_the_modes():
    def spectral(dimension):
        model = FactorisedFNO(1, 1, boundaries=("periodic",) * dimension, width=4, modes=3, rngs=nnx.Rngs(0))
        return sum(leaf[...].size for _, leaf in nnx.to_flat_state(nnx.state(model.spectral, nnx.Param)))

    assert [spectral(d) / spectral(1) for d in (1, 2, 3)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_a_spectral_layer_keeps_the_variance_of_what_it_resolves(dimension):
    layer = AxisSpectralConvolution(32, (5,) * dimension, rngs=nnx.Rngs(0))
    axes = np.meshgrid(*(np.arange(12) / 12 * 2 * np.pi,) * dimension, indexing="ij")
    waves = np.stack([sum(np.cos(k * x + p) for x in axes) for k, p in RANDOM.integers(1, 5, (32, 2))], -1)
    u = jnp.asarray(waves[None], jnp.float32)
    assert 0.5 < float(inside(layer, u).std() / u.std()) * dimension**0.5 < 2.0


# ---- ConvNeXt U-Net ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [(6,), (4, 6), (2, 4, 6)])
def test_pairs_become_channels_and_nothing_is_lost(space):
    u = np.asarray(field(2, *space, 3))
    cells = channels_last(pairs_to_channels(leading(jnp.asarray(u))))
    assert cells.shape == (2, *(n // 2 for n in space), 3 * 2 ** len(space))
    for place, corner in enumerate(product((0, 1), repeat=len(space))):
        part = u[(slice(None), *(slice(c, None, 2) for c in corner))]
        np.testing.assert_array_equal(cells[..., 3 * place : 3 * place + 3], part)


def test_a_convnext_block_is_its_formula():
    block = scatter(ConvNextBlock(4, kernel=5, expansion=2, boundaries=("wall",), rngs=nnx.Rngs(0)))
    h = field(1, 9, 4)
    found = nnx.jit(lambda block, h: block(h, 0, lambda i, h: 2.0 * h))(block, leading(h))
    padded = np.pad(np.asarray(h, float), ((0, 0), (2, 2), (0, 0)), mode="edge")
    taps = np.asarray(block.depthwise.weight[...], float)
    wide = sum(padded[:, j : j + 9] * taps[j] for j in range(5)) + np.asarray(block.depthwise.bias[...])
    inner = gelu(linear(block.first, 2.0 * normalised(block.norm, wide)))
    close(channels_last(found), np.asarray(h, float) + linear(block.second, inner))


def test_a_wide_kernel_goes_around_a_grid_narrower_than_itself():
    model = ConvNextUNet(1, 1, boundaries=("periodic",), features=4, levels=2, kernel=7, rngs=nnx.Rngs(0))
    u = field(1, 8, 1)  # two points at the bottom, three beyond each end
    y = apply(model, u)
    close(apply(model, jnp.roll(u, 4, 1)), jnp.roll(y, 4, 1))


def test_layer_norm_judges_every_point_alone():
    norm = scatter(LayerNorm(6, rngs=nnx.Rngs(0)))
    u = field(2, 5, 6)
    close(inside(norm, u), normalised(norm, np.asarray(u, float)))
    close(inside(norm, u)[:, 2:3], inside(norm, u[:, 2:3]))
