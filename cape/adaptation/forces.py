"""Forces that the errors of an equation show: constant fields of low wave numbers."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cape.identification.step import term_values, wave_numbers
from cape.identification.terms import Term, force_terms

_SIGNIFICANT = 4.0  # mean of a force over its standard error
_RELEVANT = 0.02  # share of the mean square error that a force explains
_MOST = 8
_NOTHING = 1e-6


def forces_in(
    errors: Float[np.ndarray, "pair *space channel"], periodic: Sequence[bool], known: Sequence[Term]
) -> list[Term]:
    """Return the forces that explain errors of a step, the strongest first; none of them is among the known terms.

    The errors are projected on every force. A force is returned if its mean over the pairs is four times its standard
    error, and if it explains 2 % of the mean square error. These are at most eight.

    Args:
        errors: truth minus prediction after one step, in standard deviations of the channels.
    """
    terms = [term for term in force_terms(errors.shape[-1], tuple(periodic)) if term not in known]
    grid = errors.shape[1:-1]
    found = []
    for term, field in zip(terms, _fields(terms, grid, periodic), strict=True):
        if (field**2).mean() < _NOTHING:  # zero at all points of this grid
            continue
        amplitude = (errors[..., term.output] * field).reshape(len(errors), -1).sum(1) / (field**2).sum()
        mean = float(amplitude.mean())
        error = float(amplitude.std(ddof=1)) / np.sqrt(len(amplitude)) if len(amplitude) > 1 else np.inf
        explained = mean**2 * (field**2).mean() / max((errors**2).mean() * errors.shape[-1], 1e-30)
        if abs(mean) > _SIGNIFICANT * error and explained > _RELEVANT:
            found.append((explained, term))
    return [term for _, term in sorted(found, key=lambda pair: -pair[0])[:_MOST]]


def _fields(terms: Sequence[Term], grid: tuple[int, ...], periodic: Sequence[bool]) -> list[np.ndarray]:
    """Evaluate forces on a grid; axes that are not periodic are mirrored for that."""
    whole = tuple(n if around else 2 * n for n, around in zip(grid, periodic, strict=True))
    modes = jnp.zeros((1, 1, *whole[:-1], whole[-1] // 2 + 1), jnp.complex64)
    values = term_values(terms, wave_numbers(whole, tuple(periodic)), whole, modes)
    inside = tuple(slice(n) for n in grid)
    return [np.asarray(value[0], np.float64)[inside] for value in values]
