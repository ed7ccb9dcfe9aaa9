"""Products of derivatives on a small grid of two axes, by matrix products in the place of Fourier transforms.

On few points, products with small matrices are faster than Fourier transforms. Only modes that dealiasing keeps take
part. They are written in the real basis of products of cosines and sines along each axis, in which a derivative along
an axis is another matrix, and derivatives share the transform along the other axis. Values on the grid are [y, x].
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term
from cape.solvers.layers.divided_space import space_parts
from cape.solvers.layers.fourier import Size, fixed

_MOST_POINTS = 64  # along an axis
Kept = Complex[Array, "batch channel i j"]


def is_small(grid: Sequence[Size]) -> bool:
    """Return whether this module serves a grid: two axes of at most 64 points each, on one device."""
    return len(grid) == 2 and fixed(grid) and max(grid) <= _MOST_POINTS and space_parts() == 1


def kept_modes(
    modes: Complex[Array, "*leading kx ky"], grid: Sequence[int]
) -> Complex[Array, "*leading i j"]:
    """Return the modes that dealiasing keeps: kx = 0, …, m, −m, …, −1 and ky = 0, …, m with m = n/3 of n points."""
    m, n = map(_highest, grid)
    return jnp.concatenate([modes[..., : m + 1, : n + 1], modes[..., modes.shape[-2] - m :, : n + 1]], -2)


def with_kept_modes(
    modes: Complex[Array, "batch channel kx ky"], kept: Kept, grid: Sequence[int]
) -> Complex[Array, "batch channel kx ky"]:
    """Replace the modes that dealiasing keeps."""
    m, n = map(_highest, grid)
    modes = modes.at[..., : m + 1, : n + 1].set(kept[..., : m + 1, :])
    return modes.at[..., modes.shape[-2] - m :, : n + 1].set(kept[..., m + 1 :, :])


def small_grid_products(
    terms: tuple[Term, ...], periodic: tuple[bool, ...], grid: tuple[int, int], modes: Kept, c: Array
) -> Kept:
    """Return the contribution of products and forces with coefficients c, as `products` does, to the kept modes."""
    units = [WAVE_NUMBER_UNIT * (1 if around else 2) for around in periodic]
    waves = [_wave_numbers(n) / unit for n, unit in zip(grid, units, strict=True)]
    products = [term for term in terms if len(term.factors) > 1]
    values = _values(
        list(dict.fromkeys(f for term in products for f in term.factors)), waves, grid, units, modes
    )
    rates = [jnp.zeros((len(modes), *grid[::-1]), jnp.float32)] * modes.shape[1]
    for number, term in enumerate(terms):
        if not term.factors:
            value = jnp.asarray(_force(term, grid))[None]
        elif len(term.factors) > 1:
            value = functools.reduce(jnp.multiply, [values[factor] for factor in term.factors])
        else:
            continue
        rates[term.output] = rates[term.output] + c[:, number, None, None] * value
    result = _to_modes(jnp.stack(rates, 1), grid)
    for number, term in enumerate(terms):
        if len(term.factors) == 1 and term.explicit:
            derivative = _multiplier(term.factors[0], waves) * modes[:, term.factors[0].channel]
            rate = c[:, number, None, None].astype(modes.dtype)
            result = result.at[:, term.output].add(rate * derivative)
    return result


def _highest(points: int) -> int:
    """Return the largest wave number that dealiasing keeps."""
    return points // 2 * 2 // 3


def _wave_numbers(points: int) -> np.ndarray:
    """Return 0, …, m."""
    return np.arange(_highest(points) + 1.0)


def _multiplier(factor: Factor, waves: Sequence[np.ndarray]) -> np.ndarray:
    """Return the factor (i k)^power, over −k² for a stream function, of the kept modes [1, kx, ky]."""
    kx, ky = np.append(waves[0], -waves[0][:0:-1])[:, None], waves[1][None]
    size = (1j * kx) ** factor.powers[0] * (1j * ky) ** factor.powers[1]
    if factor.stream:
        square = kx**2 + ky**2
        size = np.where(square == 0, 0.0, -size / np.where(square == 0, 1.0, square))
    return size.astype(np.complex64)[None]


def _values(
    factors: Sequence[Factor],
    waves: Sequence[np.ndarray],
    grid: tuple[int, int],
    units: Sequence[float],
    modes: Kept,
) -> dict[Factor, Float[Array, "batch y x"]]:
    """Evaluate derivatives on the grid."""
    if not factors:
        return {}
    sources = list(dict.fromkeys((f.channel, f.stream) for f in factors))
    along_y = sorted({f.powers[1] for f in factors})
    chosen = [
        modes[:, channel] * _multiplier(Factor(channel, (0, 0), True), waves) if stream else modes[:, channel]
        for channel, stream in sources
    ]
    u = _to_real_basis(jnp.stack(chosen, 1), grid)
    matrices = np.stack([_basis(grid[1], units[1], power) for power in along_y], 1)
    u = _einsum("bsij,jqy->bsqyi", u, matrices)
    values: dict[Factor, Array] = {}
    for power in sorted({f.powers[0] for f in factors}):
        those = [f for f in factors if f.powers[0] == power]
        parts = [u[:, sources.index((f.channel, f.stream)), along_y.index(f.powers[1])] for f in those]
        found = _einsum("bfyi,ix->bfyx", jnp.stack(parts, 1), _basis(grid[0], units[0], power))
        values |= dict(zip(those, jnp.moveaxis(found, 1, 0), strict=True))
    return values


def _basis(points: int, unit: float, power: int) -> Float[np.ndarray, "function point"]:
    """Return the derivatives of the cosines of 0, …, m and the sines of 1, …, m at points 0, 1, …"""
    k = _wave_numbers(points)
    waves = (1j * k[:, None] / unit) ** power * np.exp(2j * np.pi * np.outer(k, np.arange(points)) / points)
    return np.concatenate([waves.real, waves.imag[1:]]).astype(np.float32)


def _to_real_basis(modes: Kept, grid: tuple[int, int]) -> Float[Array, "batch channel function_x function_y"]:
    """Return the coefficients of cosines and sines along both axes."""
    m, _ = map(_highest, grid)
    positive, negative = modes[:, :, 1 : m + 1], modes[:, :, :m:-1]
    even, odd = jnp.concatenate([modes[:, :, :1], positive + negative], 2), positive - negative
    cosines = jnp.concatenate([even.real, -odd.imag], 2)
    sines = jnp.concatenate([-even.imag, -odd.real], 2)[..., 1:]
    weight = np.where(_wave_numbers(grid[1]) > 0, 2.0, 1.0).astype(np.float32) / np.float32(grid[0] * grid[1])
    weight = weight[None, None, None]
    return jnp.concatenate([cosines * weight, sines * weight[..., 1:]], -1)


def _to_modes(values: Float[Array, "batch channel y x"], grid: tuple[int, int]) -> Kept:
    """Return the kept modes of values on the grid."""
    x, y = (_basis(n, 1.0, 0) for n in grid)
    u = _einsum("bcyi,jy->bcij", _einsum("bcyx,ix->bcyi", values, x), y)
    m, n = map(_highest, grid)
    cosines, sines = u[..., : n + 1], jnp.pad(u[..., n + 1 :], ((0, 0), (0, 0), (0, 0), (1, 0)))
    first, second = jax.lax.complex(cosines, -sines), jax.lax.complex(sines, cosines)
    even, odd = first[:, :, : m + 1], second[:, :, m + 1 :]
    return jnp.concatenate([even[:, :, :1], even[:, :, 1:] - odd, (even[:, :, 1:] + odd)[:, :, ::-1]], 2)


def _force(term: Term, grid: tuple[int, int]) -> Float[np.ndarray, "y x"]:
    """Evaluate the cosine or sine of a force at the cell centres."""
    x, y = (k * (2 * np.arange(n) + 1.0) / (2 * n) for k, n in zip(term.wave, grid, strict=True))
    phase = 2 * np.pi * (x[None] + y[:, None])
    return (np.sin(phase) if term.odd else np.cos(phase)).astype(np.float32)


_einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
