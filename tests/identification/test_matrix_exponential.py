"""The exponential of small matrices, and the bound of its growth."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from cape.identification.matrix_exponential import matrix_exponential


def exponential(matrix: np.ndarray, bound: float) -> np.ndarray:
    entries = [[jnp.full((1, 1), number, jnp.complex64) for number in row] for row in matrix]
    return np.asarray(matrix_exponential(entries, jnp.full(1, bound)))[0, :, :, 0]


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_matrices_that_do_not_grow_are_not_scaled_down(rows):
    """Of many substeps, each has a small bound: what it loses is lost many times."""
    rotation = np.zeros((rows, rows))
    rotation[0, 1], rotation[1, 0] = 0.3, -0.3
    for matrix in (np.zeros((rows, rows)), rotation):
        np.testing.assert_allclose(exponential(matrix, 1e-3), scipy.linalg.expm(matrix), atol=1e-5)


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_growth_is_bounded(rows):
    matrix = np.diag(np.linspace(0.5, -1, rows))
    found = exponential(matrix, 0.1)
    assert np.abs(np.linalg.eigvals(found)).max() == pytest.approx(np.exp(0.1), rel=1e-3)
