"""Spectral convolution against numpy's FFT."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from solver_checks import close, field, inside, spectral_by_fft

from cape.solvers.layers.spectral import SpectralConvolution, unused_modes


@pytest.mark.parametrize(
    ("space", "modes"),
    [
        ((32,), (5,)),
        ((33,), (17,)),  # all of an odd grid's frequencies
        ((16,), (9,)),  # with Nyquist
        ((12,), (9,)),  # fewer than asked for
        ((16, 20), (5, 6)),
        ((8, 10, 12), (3, 4, 5)),
    ],
)
def test_spectral_convolution_equals_fft(space, modes):
    layer = SpectralConvolution(3, 2, modes, dimension=len(space), rngs=nnx.Rngs(0))
    u = field(2, *space, 3)
    close(inside(layer, u), spectral_by_fft(u, layer.real[...], layer.imaginary[...], modes))


def test_spectral_convolution_uses_the_true_frequencies_of_a_coarser_grid():
    """On a coarser grid that still resolves the input, the layer is the same function."""
    layer = SpectralConvolution(1, 1, 6, dimension=2, rngs=nnx.Rngs(0))
    x = np.arange(40) / 40 * 2 * np.pi
    fine = np.cos(3 * x[:, None] + 2 * x) + np.sin(-2 * x[:, None] + x) + 0.5
    fine = np.asarray(fine[None, :, :, None], np.float32)
    close(
        inside(layer, fine[:, ::5, ::5]), inside(layer, fine)[:, ::5, ::5]
    )  # 8 points: fewer than 2 x 6 rows
    assert inside(layer, fine[:, ::10, ::4]).shape == (1, 4, 10, 1)  # fewer points than modes: works


def test_spectral_weights_start_as_published():
    layer = SpectralConvolution(4, 8, 6, dimension=2, rngs=nnx.Rngs(0))
    for part in (layer.real[...], layer.imaginary[...]):
        assert part.shape == (12, 6, 4, 8) and part.dtype == jnp.float32
        assert part.min() >= 0 and part.max() < 1 / 32
        assert abs(float(part.mean()) * 64 - 1) < 0.05


@pytest.mark.parametrize("std", [None, 0.1])
def test_weights_are_the_same_inside_jit(std):
    def build():
        return SpectralConvolution(2, 3, 8, dimension=2, std=std, rngs=nnx.Rngs(7))

    eager, compiled = build(), nnx.jit(build)()
    np.testing.assert_array_equal(eager.real[...], compiled.real[...])
    assert np.abs(eager.real[...] - eager.imaginary[...]).max() > 0
    if std is not None:
        assert abs(float(eager.real[...].std()) / std - 1) < 0.1
    assert nnx.eval_shape(build).real.shape == eager.real.shape


def test_modes_that_no_axis_has_are_reported():
    assert unused_modes(9, (16,)) == unused_modes(9, (8, 16)) == ()
    (line,) = unused_modes(10, (8, 16))
    assert line == "modes = 10: a grid of 16 points has 9 modes; the weights of the others stay untrained"
