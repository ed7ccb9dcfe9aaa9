"""Interpolation between grids, on periodic domains and between walls."""

import numpy as np
import pytest
from interpolation import interpolations


def waves(points, d, wave_number=2):
    """sin(2πkx + ...) at cell centres: [1, 1, *space, 1]."""
    x = (np.arange(points) + 0.5) / points
    grid = np.meshgrid(*[x] * d, indexing="ij")
    return np.sin(2 * np.pi * wave_number * sum(grid) + 0.3)[None, None, ..., None]


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize(("cells", "points"), [(9, 16), (12, 16), (24, 16)])
def test_fourier_interpolation_of_a_resolved_field_is_exact(d, cells, points):
    linear, fourier = interpolations(waves(cells, d), points, periodic=True)
    np.testing.assert_allclose(fourier, waves(points, d), atol=1e-12)
    assert 0.01 < np.abs(linear - waves(points, d)).max() < 1
    (same,) = interpolations(fourier, points, periodic=True)
    np.testing.assert_array_equal(same, fourier)


def test_linear_interpolation_between_walls_keeps_a_straight_line():
    x = lambda n: ((np.arange(n) + 0.5) / n)[None, None, :, None]  # noqa: E731
    (found,) = interpolations(x(8), 4, periodic=False)
    np.testing.assert_allclose(found, x(4), atol=1e-12)
