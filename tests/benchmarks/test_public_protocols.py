"""The simulators and the data of the public protocols."""

import dataclasses

import numpy as np
import pytest
from protocols import initial, simulators
from protocols.protocol import Kind, Protocol, drawn, relative_l2

LENGTH = 16.0


def rows(**values):
    return {name: np.array(column, float) for name, column in values.items()}


def wave(n, mode=2):
    """Return a wave of the periodic line, [1, x, 1]."""
    return np.sin(2 * np.pi * mode * np.arange(n) / n)[None, :, None]


def test_the_combined_equation_without_its_product_is_exact():
    u0, times = wave(64), np.array([0.0, 0.5, 1.0])
    u = simulators.combined(u0, rows(alpha=[0], beta=[0.3], gamma=[0.7]), times, LENGTH)
    k, x = 2 * np.pi * 2 / LENGTH, LENGTH * np.arange(64) / 64
    for frame, t in zip(u[0], times, strict=True):
        expected = np.exp(-0.3 * k**2 * t) * np.sin(k * x + 0.7 * k**3 * t)
        np.testing.assert_allclose(frame[:, 0], expected, atol=1e-10)


def test_the_combined_equation_conserves_its_mean_and_does_not_depend_on_the_step():
    u0, times = 0.5 * wave(256) + 0.2, np.array([0.0, 0.4, 0.8])
    p = rows(alpha=[1], beta=[0.02], gamma=[0.3])
    u, finer = (simulators.combined(u0, p, times, LENGTH, step=h) for h in (4e-3, 1e-3))
    np.testing.assert_allclose(u.mean(2), np.full((1, 3, 1), 0.2), atol=1e-12)
    np.testing.assert_allclose(u, finer, atol=1e-6)


def test_inviscid_waves_of_the_combined_equation_steepen_as_the_characteristics_do():
    u0 = 0.5 * wave(256, 1)
    t, x = 1.0, LENGTH * np.arange(256) / 256
    u = simulators.combined(u0, rows(alpha=[0.5], beta=[0], gamma=[0]), np.array([0.0, t]), LENGTH)[
        0, -1, :, 0
    ]
    start = x - u * t  # α = 1/2 is Burgers' equation: u is carried with the speed u
    np.testing.assert_allclose(u, 0.5 * np.sin(2 * np.pi * start / LENGTH), atol=1e-6)


def test_waves_between_walls_oscillate_and_decay_as_their_mode():
    x = (np.arange(16) + 0.5) / 16
    shape = np.sin(np.pi * x)[:, None] * np.sin(2 * np.pi * x)[None]
    u0 = np.stack([shape, 0 * shape], -1)[None]
    times = np.array([0.0, 0.3, 0.7])
    u = simulators.waves(u0, rows(c=[1.5], k=[0.8]), times, 2.0)
    omega = np.sqrt(1.5**2 * 5 * (np.pi / 2) ** 2 - 0.4**2)
    course = np.exp(-0.4 * times) * (np.cos(omega * times) + 0.4 * np.sin(omega * times) / omega)
    np.testing.assert_allclose(u[0, ..., 0], course[:, None, None] * shape, atol=1e-12)
    rate = -np.exp(-0.4 * times) * (omega + 0.16 / omega) * np.sin(omega * times)
    np.testing.assert_allclose(u[0, ..., 1], rate[:, None, None] * shape, atol=1e-12)


def test_a_single_eddy_of_a_torus_of_any_length_decays():
    length = 2 * np.pi
    x = length * np.arange(16) / 16
    w0 = (np.cos(x)[:, None] + np.cos(x)[None])[None, ..., None]
    w = simulators.flow(w0, rows(nu=[0.05]), np.array([0.0, 1.0, 2.0]), length)
    decay = np.exp(-0.05 * np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(w[0], decay[:, None, None, None] * w0, atol=1e-8)


def test_spots_and_uniform_states_react_in_the_same_units_as_they_diffuse():
    x = 2 * np.pi * np.arange(32) / 32
    a = 1 + 0.1 * np.cos(x)[:, None] * np.ones(32)
    u0 = np.stack([a, np.zeros_like(a)], -1)[None]
    times = np.array([0.0, 20.0])
    u = simulators.reaction(u0, rows(F=[0.03], k=[0.06]), times, 64.0)
    rate = simulators.DIFFUSION_OF_A * (2 * np.pi / 64) ** 2 + 0.03  # without B, A decays linearly towards 1
    np.testing.assert_allclose(u[0, -1, ..., 0], 1 + (a - 1) * np.exp(-20 * rate), atol=1e-9)


def test_initial_eddies_have_speed_one_and_bumps_are_small_at_the_walls():
    rng = np.random.default_rng(0)
    w = initial.eddies(rng, 2, (32, 32), 3.0)[..., 0]
    k = 2 * np.pi / 3.0 * np.stack(np.meshgrid(np.fft.fftfreq(32, 1 / 32), np.fft.fftfreq(32, 1 / 32)))
    squared = (k**2).sum(0)
    squared[0, 0] = np.inf
    energy = (np.abs(np.fft.fft2(w) / 32**2) ** 2 / squared).sum((1, 2))
    np.testing.assert_allclose(energy, 1.0, rtol=1e-6)
    u = initial.gaussians(rng, 4, (64, 64), 64.0)[..., 0]
    assert np.abs(u[:, [0, -1]]).max() < 0.01 and u.max() > 0.1


def test_the_relative_error_is_that_of_the_whole_rollout():
    truth = np.array([[[3.0], [4.0]]])
    assert relative_l2(truth * 1.1, truth) == pytest.approx(0.1)
    assert relative_l2(np.zeros_like(truth), truth) == pytest.approx(1.0)


def decay(u0, p, times, length):
    return u0[:, None] * np.exp(-p["a"][:, None, None, None] * times[:, None, None])


PROTOCOL = Protocol(
    "decay", "uₜ = −a u", ("a",), ("u",), (8,), 1.0, np.array([0.0, 0.1]), drawn(0, 5, (0.0, 1.0)), 2,
    {"inside": Kind(drawn(1, 3, (0.0, 1.0)), 0.1)}, 4,
    lambda rng, samples, points, length: rng.normal(size=(samples, *points, 1)), decay, 100,
)  # fmt: skip


def test_data_are_simulated_once_and_have_the_values_of_their_part(tmp_path):
    training, validation = PROTOCOL.training(tmp_path)
    assert (training.samples, validation.samples) == (10, 2)
    np.testing.assert_allclose(np.unique(training.parameters[:, 0]), PROTOCOL.trained[:, 0])
    test = PROTOCOL.test(tmp_path, "inside")
    assert test.samples == 12 and not set(test.parameters[:, 0]) & set(training.parameters[:, 0])
    np.testing.assert_array_equal(PROTOCOL.test(tmp_path, "inside").read(), test.read())
    assert len(list(tmp_path.iterdir())) == 3


def test_a_simulator_that_blows_up_is_named(tmp_path):
    broken = dataclasses.replace(PROTOCOL, solve=lambda *a: np.full_like(decay(*a), np.nan))
    with pytest.raises(ValueError, match="decay: the simulator blew up at values among"):
        broken.training(tmp_path)
    assert not list(tmp_path.iterdir())
