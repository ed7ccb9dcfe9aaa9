"""Base solvers: spectral layers against numpy's FFT, convolutions against loops, symmetries, errors."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import erf

from cape.solvers.convnext_unet import ConvNextUNet
from cape.solvers.factorised_fno import FactorisedFNO
from cape.solvers.fno import FNO
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import (
    Convolution,
    DepthwiseConvolution,
    Pointwise,
    convolve,
    convolve_by_product,
    mix,
)
from cape.solvers.layers.layout import trail
from cape.solvers.layers.normalisation import standardise
from cape.solvers.layers.spectral import SpectralConvolution
from cape.solvers.message_passing import MessagePassing
from cape.solvers.unet import Doubling, UNet, halve

RANDOM = np.random.default_rng(0)


def field(*shape):
    return jnp.asarray(RANDOM.normal(size=shape), jnp.float32)


@nnx.jit
def apply(model, u):
    return model(u)


@nnx.jit
def inside(layer, u):
    """Apply a layer, inside of which channels lead, to a field."""
    return trail(layer(jnp.moveaxis(u, -1, 0)))


def close(a, b, tolerance=1e-5):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(np.asarray(b)).max())


def spectral_by_fft(u, real, imaginary, modes):
    """The published operator, in double precision: rfftn, blocks written one after the other, irfftn."""
    axes = tuple(range(1, u.ndim - 1))
    space = u.shape[1:-1]
    weight = (np.asarray(real) + 1j * np.asarray(imaginary)).astype(complex)
    spectrum = np.fft.rfftn(np.asarray(u, float), axes=axes)
    result = np.zeros((*spectrum.shape[:-1], weight.shape[-1]), complex)
    last = min(modes[-1], space[-1] // 2 + 1)
    for signs in product((False, True), repeat=len(space) - 1):
        rows = [slice(-m, None) if negative else slice(m) for negative, m in zip(signs, modes, strict=False)]
        held = [slice(m, None) if negative else slice(m) for negative, m in zip(signs, modes, strict=False)]
        where = (slice(None), *rows, slice(last))
        result[where] = np.einsum("b...i,...io->b...o", spectrum[where], weight[(*held, slice(last))])
    return np.fft.irfftn(result, s=space, axes=axes)


@pytest.mark.parametrize(
    ("space", "modes"),
    [
        ((32,), (5,)),
        ((33,), (17,)),  # all of an odd grid's frequencies
        ((16,), (9,)),  # with Nyquist
        ((12,), (9,)),  # fewer than asked for
        ((16, 20), (5, 6)),
        (
            (16, 16),
            (9, 9),
        ),  # the published 2D block: 16 rows, two blocks of 9, the second overwrites rows 7 and 8
        ((8, 10, 12), (3, 4, 5)),
        ((6, 5, 8), (4, 4, 5)),  # overlaps on both two-sided axes
    ],
)
def test_spectral_convolution_equals_fft(space, modes):
    layer = SpectralConvolution(3, 2, modes, dimension=len(space), rngs=nnx.Rngs(0))
    u = field(2, *space, 3)
    close(inside(layer, u), spectral_by_fft(u, layer.real[...], layer.imaginary[...], modes))


def test_spectral_convolution_reads_true_frequencies_without_overwrite():
    """On a coarser grid that still resolves the input, the layer is the same function; overwriting is not."""
    layer = SpectralConvolution(1, 1, 6, dimension=2, overwrite=False, rngs=nnx.Rngs(0))
    x = np.arange(40) / 40 * 2 * np.pi
    fine = np.cos(3 * x[:, None] + 2 * x) + np.sin(-2 * x[:, None] + x) + 0.5
    fine = np.asarray(fine[None, :, :, None], np.float32)
    close(
        inside(layer, fine[:, ::5, ::5]), inside(layer, fine)[:, ::5, ::5]
    )  # 8 points: fewer than 2 x 6 rows
    assert inside(layer, fine[:, ::10, ::4]).shape == (1, 4, 10, 1)  # fewer points than modes: works
    overwriting = SpectralConvolution(1, 1, 6, dimension=2, rngs=nnx.Rngs(0))
    assert (
        np.abs(inside(overwriting, fine[:, ::5, ::5]) - inside(overwriting, fine)[:, ::5, ::5]).max() > 1e-2
    )


def test_spectral_weights_start_as_published():
    layer = SpectralConvolution(4, 8, 6, dimension=2, rngs=nnx.Rngs(0))
    for part in (layer.real[...], layer.imaginary[...]):
        assert part.shape == (12, 6, 4, 8) and part.dtype == jnp.float32
        assert part.min() >= 0 and part.max() < 1 / 32
        assert abs(float(part.mean()) * 64 - 1) < 0.05


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
    for axis, (k, kind) in enumerate(zip(kernel, boundaries, strict=True), start=1):
        around = [(0, 0)] * u.ndim
        around[axis] = (k // 2, k // 2)
        u = np.pad(u, around, mode=modes[kind])
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
    np.testing.assert_array_equal(trail(halve(jnp.moveaxis(u, -1, 0))), half)
    layer = Doubling(3, 5, dimension=len(space), rngs=nnx.Rngs(0))
    y = inside(layer, u)
    assert y.shape == (2, *(2 * n for n in space), 5)
    for entry in product((0, 1), repeat=len(space)):
        part = np.asarray(y)[(slice(None), *(slice(i, None, 2) for i in entry))]
        close(part, np.asarray(u) @ np.asarray(layer.weight[...])[entry] + np.asarray(layer.bias[...]))


@pytest.mark.parametrize("spread", [None, 0.1])
def test_weights_are_the_same_inside_jit(spread):
    def build():
        return SpectralConvolution(2, 3, 8, dimension=2, spread=spread, rngs=nnx.Rngs(7))

    eager, compiled = build(), nnx.jit(build)()
    np.testing.assert_array_equal(eager.real[...], compiled.real[...])
    assert np.abs(eager.real[...] - eager.imaginary[...]).max() > 0
    if spread is not None:
        assert abs(float(eager.real[...].std()) / spread - 1) < 0.1
    assert nnx.eval_shape(build).real.shape == eager.real.shape


SOLVERS = [
    (FNO, {"width": 8, "modes": 3, "layers": 2, "projection": 16}),
    (FNO, {"width": 4, "modes": 3, "layers": 2, "projection": 8, "kernel": 3, "spread": 0.1}),
    (UNet, {"features": 4, "levels": 2}),
    (FactorisedFNO, {"width": 4, "modes": 3, "layers": 2, "projection": 8, "kernel": 3}),
    (ConvNextUNet, {"features": 4, "levels": 2, "kernel": 3, "expansion": 2}),
    (MessagePassing, {"width": 4, "layers": 2, "radius": 1}),
]


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("solver", "options"), SOLVERS)
def test_solvers_commute_with_shifts_and_call_the_hook(solver, options, dimension):
    space = (16, 12, 8)[:dimension]
    model = solver(2, 3, boundaries=("periodic",) * dimension, **options, rngs=nnx.Rngs(0))
    u = field(2, *space, 2)
    shift = (4,) * dimension  # a multiple of 2^levels: as far as pooling commutes
    axes = tuple(range(1, dimension + 1))
    y = apply(model, u)
    assert y.shape == (2, *space, 3)
    close(apply(model, jnp.roll(u, shift, axes)), jnp.roll(y, shift, axes), 2e-5)

    seen = []

    def modulate(i, h):
        seen.append((i, h.shape[0]))
        return 2.0 * h

    modulated = nnx.jit(lambda model, u: model(u, modulate))(model, u)
    assert np.abs(modulated - y).max() > 1e-6
    assert seen == list(enumerate(model.hidden_channels))


@pytest.mark.parametrize("solver", [FNO, FactorisedFNO])
@pytest.mark.parametrize("dimension", [1, 2])
def test_fno_is_the_same_function_on_a_finer_grid(solver, dimension):
    """32 points resolve the hidden feature maps too: what gelu adds above their Nyquist is below 1e-4."""
    model = solver(1, 1, boundaries=("periodic",) * dimension, width=8, modes=5, layers=3, rngs=nnx.Rngs(0))
    x = np.meshgrid(*[np.arange(64) / 64 * 2 * np.pi] * dimension, indexing="ij")
    fine = 0.3 + np.sin(sum(x)) + 0.5 * np.cos(2 * x[0])
    fine = np.asarray(fine[None, ..., None], np.float32)
    coarse = fine[(slice(None), *(slice(None, None, 2),) * dimension)]
    on_coarse = apply(model, coarse)
    close(apply(model, fine)[(slice(None), *(slice(None, None, 2),) * dimension)], on_coarse, 1e-4)


def test_fno_coordinates_break_the_symmetry():
    model = FNO(1, 1, boundaries=("periodic",), coordinates=((0.0, 1.0),), pad=2, rngs=nnx.Rngs(0))
    u = field(1, 32, 1)
    assert np.abs(apply(model, jnp.roll(u, 4, 1)) - jnp.roll(apply(model, u), 4, 1)).max() > 1e-5


def test_batch_norm_switches_between_batch_and_running_statistics():
    model = UNet(
        1, 1, boundaries=("periodic",), features=4, levels=1, normalization="batch", rngs=nnx.Rngs(0)
    )
    u = 3.0 + field(4, 16, 1)
    model.eval()
    before = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
    evaluated = apply(model, u)
    jax.tree.map(np.testing.assert_array_equal, before, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))
    close(apply(model, u[:1]), evaluated[:1])  # a sample is judged alone
    model.train()
    first = model.encoders[0]
    h = first.convolution1(jnp.moveaxis(u, -1, 0))
    apply(model, u)
    close(first.norm1.mean[...], 0.1 * h.mean((1, 2)))
    close(first.norm1.var[...], 0.9 + 0.1 * jnp.var(h, (1, 2), ddof=1))


def test_group_norm_judges_every_sample_alone():
    model = UNet(1, 1, boundaries=("wall",), features=4, levels=2, rngs=nnx.Rngs(0))
    u = field(3, 16, 1)
    close(apply(model, u)[1:2], apply(model, u[1:2]))


def solver_of(kind, **options):
    return lambda: kind(1, 1, **{"boundaries": ("periodic",), **options}, rngs=nnx.Rngs(0))


def spectral_of(modes, dimension=1, channels=1):
    return lambda: SpectralConvolution(channels, 1, modes, dimension=dimension, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (spectral_of((3, 3)), "expected modes"),
        (spectral_of(0), "expected modes"),
        (spectral_of(3, dimension=0), "spatial axis"),
        (spectral_of(3, channels=0), "channel"),
        (solver_of(Convolution, kernel=4), "odd kernel"),
        (solver_of(Convolution, kernel=(3, 3)), "odd kernel"),
        (solver_of(Convolution, kernel=3, boundaries=("open",)), "boundary"),
        (solver_of(DepthwiseConvolution, kernel=2), "odd kernel"),
        (solver_of(FNO, width=0), "width"),
        (solver_of(FNO, layers=0), "layers"),
        (solver_of(FNO, projection=0), "projection"),
        (solver_of(FNO, pad=-1), "pad"),
        (solver_of(FNO, boundaries=()), "boundary"),
        (solver_of(FNO, boundaries="periodic"), "boundary"),
        (solver_of(FNO, coordinates=((0.0, 1.0),) * 2), "coordinates"),
        (solver_of(UNet, features=0), "features"),
        (solver_of(UNet, levels=0), "levels"),
        (solver_of(UNet, normalization="layer"), "normalization"),
        (solver_of(UNet, activation="relu"), "activation"),
        (solver_of(FactorisedFNO, width=0), "width"),
        (solver_of(FactorisedFNO, expansion=0), "expansion"),
        (solver_of(FactorisedFNO, modes=(3, 3)), "expected modes"),
        (solver_of(ConvNextUNet, features=0), "features"),
        (solver_of(ConvNextUNet, levels=0), "levels"),
        (solver_of(ConvNextUNet, features=1, kernel=4), "odd kernel"),
        (solver_of(MessagePassing, radius=0), "radius"),
        (solver_of(MessagePassing, boundaries=("open",)), "boundary"),
    ],
)
def test_impossible_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_wrong_inputs_are_refused():
    layers = [
        spectral_of(3)(),
        solver_of(Convolution, kernel=3)(),
        solver_of(DepthwiseConvolution, kernel=3)(),
    ]
    for layer in layers:
        with pytest.raises(ValueError, match=r"expected features of shape \(1 channels, batch, points\)"):
            layer(field(2, 2, 16))
        with pytest.raises(ValueError, match="expected features of shape"):
            layer(field(1, 2, 16, 16))
    solvers = [
        solver_of(FNO, width=1, layers=1, projection=1)(),
        solver_of(UNet, features=1, levels=1)(),
        solver_of(FactorisedFNO, width=1, layers=1, projection=1)(),
        solver_of(ConvNextUNet, features=1, levels=1)(),
        solver_of(MessagePassing, width=1, layers=1)(),
    ]
    for solver in solvers:
        with pytest.raises(ValueError, match=r"expected u of shape \(batch, points, 1 channels\)"):
            solver(field(2, 16, 2))
        with pytest.raises(ValueError, match="expected u of shape"):
            solver(field(2, 16, 16, 1))
    for pyramid in (UNet, ConvNextUNet):
        with pytest.raises(ValueError, match=r"divisible by 2\^levels = 16"):
            solver_of(pyramid, features=1, levels=4)()(field(2, 24, 1))
    batch = solver_of(UNet, features=1, levels=1, normalization="batch")()
    with pytest.raises(ValueError, match="more than one value per channel"):
        batch(field(1, 2, 1))  # one sample, one point at the bottom


def test_standardised_maps_have_mean_zero_and_variance_one_over_space_and_groups():
    h = 3.0 + 2.0 * np.random.default_rng(0).standard_normal((16, 2, 6, 5), np.float32)
    groups = np.asarray(standardise(jnp.asarray(h))).reshape(8, 2, 2, -1)  # [group, of it, sample, point]
    np.testing.assert_allclose(groups.mean((1, 3)), 0.0, atol=1e-5)
    np.testing.assert_allclose(groups.var((1, 3)), 1.0, rtol=1e-4)
