"""Power spectra: Parseval, single waves, boxes that are not square, kinetic energy."""

import numpy as np
import pytest

from cape.evaluation.spectra import (
    kinetic_energy_spectrum,
    power_spectrum,
    resolved_shells,
    velocity_channels,
)


def grid(*resolution):
    return np.meshgrid(*((np.arange(n) + 0.5) / n for n in resolution), indexing="ij")


@pytest.mark.parametrize("resolution", [(16,), (15,), (12, 12), (8, 14), (6, 7, 8)])
def test_the_shells_hold_the_mean_square(resolution):
    """Parseval: Σ_r P(r) = ⟨u²⟩, for even and odd sizes, and the batch axes stay."""
    u = np.random.default_rng(0).normal(size=(2, 3, *resolution, 2))
    power = power_spectrum(u, [1.0] * len(resolution))
    assert power.shape[:2] == (2, 3) and power.shape[-1] == 2
    space = tuple(range(2, 2 + len(resolution)))
    np.testing.assert_allclose(power.sum(axis=-2), (u**2).mean(axis=space), rtol=1e-12)
    np.testing.assert_allclose(power[..., 0, :], u.mean(axis=space) ** 2, atol=1e-14)


@pytest.mark.parametrize(
    ("wave", "shell"), [((3,), 3), ((7,), 7), ((3, 0), 3), ((3, 4), 5), ((1, 1), 1), ((1, 2, 2), 3)]
)
def test_a_single_wave_is_in_one_shell(wave, shell):
    """a cos(2πk·x) has the power a²/2, all of it in the shell nearest to |k|."""
    x = grid(*[16] * len(wave))
    u = 0.6 * np.cos(2 * np.pi * sum(k * axis for k, axis in zip(wave, x, strict=True)) + 0.4)[..., None]
    power = power_spectrum(u, [2.0] * len(wave))[:, 0]
    expected = np.zeros_like(power)
    expected[shell] = 0.18
    np.testing.assert_allclose(power, expected, atol=1e-15)


def test_wave_numbers_count_along_the_longest_side():
    """One wave along the short side of a 4 x 1 box is four per longest side, and one along the long side is one."""
    x, y = grid(32, 8)
    for phase, shell in ((y, 4), (x, 1)):
        power = power_spectrum(np.sin(2 * np.pi * phase)[..., None], (4.0, 1.0))[:, 0]
        assert np.argmax(power) == shell and power[shell] == pytest.approx(0.5)
    assert resolved_shells((32, 8), (4.0, 1.0)) == 17 and resolved_shells((16, 64), (1.0, 1.0)) == 9


def test_kinetic_energy_is_half_the_power_of_the_velocity():
    x, y = grid(16, 16)
    vx, vy = np.sin(2 * np.pi * 2 * y), 0.5 * np.cos(2 * np.pi * 5 * x)
    u = np.stack([7 + x, vy, vx], axis=-1)
    energy = kinetic_energy_spectrum(u, (1.0, 1.0), ("density", "Vy", "Vx"))
    assert energy[2] == pytest.approx(0.25) and energy[5] == pytest.approx(0.5 * 0.25 * 0.5)
    assert energy.sum() == pytest.approx(0.5 * (vx**2 + vy**2).mean())


def test_which_channels_are_a_velocity():
    assert velocity_channels(("density", "pressure", "Vx", "Vy"), 2) == (2, 3)
    assert velocity_channels(("velocity_y", "velocity_x"), 2) == (1, 0)
    assert velocity_channels(("density", "Vx"), 2) == () == velocity_channels(("u", "v"), 2)
    with pytest.raises(ValueError, match="no velocity with 2 components.*'u', 'v'"):
        kinetic_energy_spectrum(np.zeros((4, 4, 2)), (1.0, 1.0), ("u", "v"))
    with pytest.raises(ValueError, match="2 space axes.*8, 1"):
        power_spectrum(np.zeros((8, 1)), (1.0, 1.0))
