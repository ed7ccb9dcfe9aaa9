"""Quantities of flows against closed forms: Taylor-Green vortices, sound waves, shear between walls."""

import jax.numpy as jnp
import numpy as np
import pytest

from cape.evaluation.flow_quantities import DIVERGENCE, ENSTROPHY, KINETIC_ENERGY, FlowBox
from cape.evaluation.metric import METRICS

LENGTHS = (2.0, 1.0)


def grid(*points, lengths=LENGTHS):
    axes = [(np.arange(n) + 0.5) / n * length for n, length in zip(points, lengths, strict=True)]
    return np.meshgrid(*axes, indexing="ij")


def vortices(points=(16, 12)):
    """Return velocity [x, y, 2] and vorticity [x, y, 1] of ψ = sin(ax) sin(by) with a = π, b = 2π."""
    x, y = grid(*points)
    a, b = np.pi, 2 * np.pi
    v = np.stack([b * np.sin(a * x) * np.cos(b * y), -a * np.cos(a * x) * np.sin(b * y)], -1)
    return v, ((a**2 + b**2) * np.sin(a * x) * np.sin(b * y))[..., None]


@pytest.mark.parametrize("points", [(16, 12), (15, 9)])
def test_a_velocity_and_its_vorticity_give_the_same_energy_enstrophy_and_spectra(points):
    v, w = vortices(points)
    by_velocity = FlowBox(("Vx", "Vy"), LENGTHS, True)
    by_vorticity = FlowBox(("vorticity",), LENGTHS, True)
    a2, b2 = np.pi**2, (2 * np.pi) ** 2
    for box, u in ((by_velocity, v), (by_vorticity, w)):
        found = box.histories(u)
        np.testing.assert_allclose(found[KINETIC_ENERGY], (a2 + b2) / 8, rtol=1e-12)
        np.testing.assert_allclose(found[ENSTROPHY], (a2 + b2) ** 2 / 8, rtol=1e-12)
        spectra = box.spectra(u)
        assert (
            np.argmax(spectra[KINETIC_ENERGY]) == 2
        )  # one wave along x, one along half as long y: √5 rounds to 2
        np.testing.assert_allclose(spectra[KINETIC_ENERGY].sum(), found[KINETIC_ENERGY], rtol=1e-12)
        np.testing.assert_allclose(spectra[ENSTROPHY].sum(), found[ENSTROPHY], rtol=1e-12)
    assert by_velocity.histories(v)[DIVERGENCE] < 1e-12 and DIVERGENCE not in by_vorticity.histories(w)


def test_a_sound_wave_is_all_divergence_and_totals_are_means_and_momenta():
    x, _ = grid(16, 8)
    velocity = np.stack([np.sin(np.pi * x), np.zeros_like(x)], -1)
    density = 2.0 + 0.5 * np.sin(np.pi * x)
    u = np.concatenate([density[..., None], velocity], -1)[None]
    found = FlowBox(("density", "Vx", "Vy"), LENGTHS, True).histories(u)
    np.testing.assert_allclose(found[DIVERGENCE], [1.0], rtol=1e-12)
    np.testing.assert_allclose(found[ENSTROPHY], [0.0], atol=1e-12)
    np.testing.assert_allclose(found["mean of density"], [2.0], rtol=1e-12)
    np.testing.assert_allclose(found["momentum x"], [0.25], rtol=1e-12)
    np.testing.assert_allclose(found["momentum y"], [0.0], atol=1e-12)
    assert "mean of Vx" not in found


def test_between_walls_derivatives_are_differences():
    _, y = grid(4, 10)
    shear = np.stack([3.0 * y, np.zeros_like(y)], -1)
    found = FlowBox(("velocity_x", "velocity_y"), LENGTHS, False).histories(shear)
    np.testing.assert_allclose(found[ENSTROPHY], 4.5, rtol=1e-12)
    np.testing.assert_allclose(found[DIVERGENCE], 0.0, atol=1e-12)
    assert list(FlowBox(("vorticity",), LENGTHS, False).spectra(y[..., None])) == [ENSTROPHY]


def test_a_rotation_in_three_dimensions():
    lengths = (1.0,) * 3
    x, y, z = grid(8, 8, 8, lengths=lengths)
    k = 2 * np.pi
    beltrami = np.stack([np.sin(k * z), np.cos(k * z), np.zeros_like(x)], -1)  # its curl is k times itself
    found = FlowBox(("Vx", "Vy", "Vz"), lengths, True).histories(beltrami)
    np.testing.assert_allclose(found[ENSTROPHY], k**2 * found[KINETIC_ENERGY], rtol=1e-12)


@pytest.mark.parametrize(
    ("names", "lengths", "expected"),
    [
        (("Vx", "Vy"), (1.0, 1.0), True),
        (("vorticity",), (1.0, 1.0), True),
        (("u", "Vx"), (1.0, 1.0), False),
        (("Vx",), (1.0,), False),
        (("vorticity",), (1.0,) * 3, False),
    ],
)
def test_what_counts_as_a_flow(names, lengths, expected):
    assert FlowBox(names, lengths, True).is_flow == expected


def test_a_frame_that_is_not_finite_and_an_axis_of_one_point():
    v, _ = vortices()
    v = np.stack([v, np.full_like(v, np.nan)])
    found = FlowBox(("Vx", "Vy"), LENGTHS, True).histories(v)
    assert all(np.isfinite(curve[0]) and np.isnan(curve[1]) for curve in found.values())
    line = FlowBox(("Vx", "Vy"), LENGTHS, True)
    assert all(np.isfinite(s).all() for s in line.spectra(np.ones((1, 8, 2))).values())


# ---- the error of spectra ------------------------------------------------------------------------------------


def spectrum_error(prediction, truth):
    fields = (jnp.asarray(u, jnp.float32) for u in (prediction, truth))
    return METRICS.find("spectrum_error").of_samples(*fields)


def wave(k, points=16):
    x = 2 * np.pi * np.arange(points) / points
    return np.sin(k * x).astype(np.float32)[None, None, :, None]


def test_the_error_of_spectra_counts_decades_of_power():
    truth = (
        sum(wave(k) for k in range(1, 8))
        + 5
        + np.cos(8 * 2 * np.pi * np.arange(16) / 16)[None, None, :, None]
    )
    np.testing.assert_allclose(spectrum_error(10 * truth, truth), 2.0, rtol=1e-5)
    np.testing.assert_allclose(spectrum_error(np.roll(truth, 3, 2) + 7, truth), 0.0, atol=1e-5)
    one = spectrum_error(truth + 9 * wave(3), truth)  # one shell of eight has a hundred times the power
    np.testing.assert_allclose(one, 2.0 / 8, rtol=1e-4)
    assert np.isnan(spectrum_error(truth * np.nan, truth)).all()


def test_shells_without_power_do_not_count_and_directions_are_summed():
    truth = np.broadcast_to(wave(2)[:, :, :, None], (1, 1, 16, 16, 1))
    np.testing.assert_allclose(spectrum_error(truth.swapaxes(2, 3), truth), 0.0, atol=1e-5)
    assert np.isnan(spectrum_error(truth[:, :, :1, :1], truth[:, :, :1, :1])).all()
