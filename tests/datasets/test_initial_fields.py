"""Random initial fields in two dimensions: what they depend on, and their statistics."""

import numpy as np
import pytest

from cape.datasets.equations.fitzhugh_nagumo import random_patches
from cape.datasets.equations.gray_scott import random_spots
from cape.datasets.equations.incompressible import random_vorticity
from cape.datasets.simulate.cells import cell_centres

SEED = 7


@pytest.mark.parametrize("draw", [random_spots, random_patches, random_vorticity])
def test_initial_fields_depend_on_seed_and_sample_alone(draw):
    coarse, fine = cell_centres(16), cell_centres(48)
    few, many = draw(SEED, 2), draw(SEED, 5)
    np.testing.assert_array_equal(few(coarse, coarse), many.select(slice(0, 2))(coarse, coarse))
    np.testing.assert_allclose(many(fine, fine)[:, 1::3, 1::3], many(coarse, coarse), atol=1e-12)
    assert not np.allclose(few(coarse, coarse), draw(SEED + 1, 2)(coarse, coarse))
    with pytest.raises(ValueError, match="at least one sample"):
        draw(SEED, 0)


def test_random_vorticity_has_its_covariance():
    fields = random_vorticity(SEED, 400)(cell_centres(40), cell_centres(40))[..., 0]
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-14)
    power = (np.abs(np.fft.fft2(fields) / 1600) ** 2).mean(axis=0)
    for k in ((1, 0), (0, 1), (-1, 1), (2, 3)):
        expected = 7.0**3 * (4 * np.pi**2 * (k[0] ** 2 + k[1] ** 2) + 49) ** -2.5
        assert power[k] == pytest.approx(expected, rel=0.2)
    eddies = random_vorticity(SEED, 400, alpha=4.0, tau=20.0, size=5.0)(cell_centres(40), cell_centres(40))
    assert eddies.std() == pytest.approx(5, rel=0.02)


def test_spots_are_periodic_and_make_up_one():
    spots, x = random_spots(SEED, 4), np.linspace(-1, 1, 30)
    u = spots(x, x)
    np.testing.assert_allclose(u.sum(axis=-1), 1)
    np.testing.assert_allclose(u, spots(x + 2, x - 2), atol=1e-12)
    assert u.min() >= 0 and 0.3 < u[..., 1].max() < 1


def test_patches_cover_the_same_area_on_every_grid():
    patches = random_patches(SEED, 3)
    areas = []
    for n in (20, 31):
        x = 2 * cell_centres(n) - 1
        areas.append(patches(x, x, width=2 / n)[..., 0].mean(axis=(1, 2)))
        points = patches(x, x)
        assert set(np.unique(points[..., 0])) == {0.0, 0.95} and set(np.unique(points[..., 1])) == {0.05, 1.0}
    np.testing.assert_allclose(*areas, atol=5e-3)  # patches that share a cell count twice there
    assert (areas[0] > 0.95 * (1 - 6 * 0.01) - 5e-3).all() and (areas[0] < 0.95 * 0.99).all()
