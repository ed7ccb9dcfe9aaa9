"""Random fields, compiled application, comparison and a spectral convolution by FFT, for tests of solvers."""

from itertools import product

import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.solvers.layers.layout import channels_last

RANDOM = np.random.default_rng(0)


def field(*shape):
    return jnp.asarray(RANDOM.normal(size=shape), jnp.float32)


def leading(u):
    """Move the channels of a field to the front, where the layers of a solver expect them."""
    return jnp.moveaxis(u, -1, 0)


@nnx.jit
def apply(model, u):
    return model(u)


@nnx.jit
def inside(layer, u):
    """Apply a layer, which takes channels first, to a field."""
    return channels_last(layer(leading(u)))


def close(a, b, tolerance=1e-5):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(np.asarray(b)).max())


def spectral_by_fft(u, real, imaginary, modes):
    """Apply the published operator in double precision: rfftn, blocks written one after the other, irfftn."""
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
