"""Kuramoto-Sivashinsky: growth of small waves, conservation, symmetries and order of convergence."""

import numpy as np
import pytest
from analytic_fields import SimpleWaves, relative_error

from cape.datasets.equations.kuramoto_sivashinsky import LENGTH, developed_states, solve
from cape.datasets.schemes.kuramoto_sivashinsky import evolve
from cape.datasets.simulate.cells import cell_centres

SEED = 7
NU = np.array([0.6, 1.3])


@pytest.fixture(scope="module")
def states():
    """Developed states, at 192 points."""
    return developed_states(SEED, 2)(LENGTH * np.arange(192) / 192)


def test_small_waves_grow_or_decay_at_their_rate():
    modes, amplitude, times = np.array([3, 12]), 1e-9, np.array([0, 1.0, 10.0])
    x, k = np.arange(64) / 64, 2 * np.pi * modes / LENGTH
    waves = np.sin(2 * np.pi * modes[:, None] * x)
    u = evolve(amplitude * waves, NU, times)
    growth = np.exp((k**2 - NU * k**4)[:, None] * times)
    assert growth[0, -1] > 2 and growth[1, -1] < 0.1
    np.testing.assert_allclose(u, amplitude * growth[..., None] * waves[:, None], atol=1e-6 * amplitude)


def test_the_mean_is_conserved_and_the_energy_changes(states):
    u = evolve(states + 0.3, NU, np.array([0, 5.0, 20.0]))
    np.testing.assert_allclose(u.mean(axis=2), 0.3, atol=1e-13)
    assert np.ptp((u**2).mean(axis=2), axis=1).min() > 0.05


def test_solutions_are_reflected_and_boosted_as_declared(states):
    """v(x, t) = −u(−x, t) and v(x, t) = u(x − c t, t) + c are solutions."""
    times, points = np.array([0, 4.0]), states.shape[1]
    u = evolve(states, NU, times)[:, 1]
    mirrored = evolve(-np.roll(states[:, ::-1], 1, 1), NU, times)[:, 1]
    np.testing.assert_allclose(mirrored, -np.roll(u[:, ::-1], 1, 1), atol=1e-10)
    shift = 16  # points, in the time of the solution
    boosted = evolve(states + shift * LENGTH / points / times[1], NU, times)[:, 1]
    exact = np.roll(u, shift, 1) + shift * LENGTH / points / times[1]
    np.testing.assert_allclose(boosted, exact, atol=1e-5)


def test_convergence_is_of_fourth_order_in_time_and_spectral_in_space(states):
    times, few = np.array([0, 2.0]), states[:, ::3]
    fine = evolve(few, NU, times, step=1 / 320)[:, 1]
    coarse, medium = (relative_error(evolve(few, NU, times, step=step)[:, 1], fine) for step in (0.1, 0.05))
    assert 11 < coarse / medium < 21 and medium < 1e-4
    fine = evolve(states, NU, times)[:, 1]
    errors = [relative_error(evolve(states[:, ::n], NU, times)[:, 1], fine[:, ::n]) for n in (4, 3, 2)]
    assert errors[1] < 0.3 * errors[0] and errors[2] < 0.1 * errors[1]


def test_the_default_accuracy_holds_to_the_end_of_the_rollouts():
    """A finer grid and shorter steps change little, though errors grow by the chaos for 30 units of time."""
    initial, times = developed_states(SEED, 2), np.array([0, 30.0])
    u = solve(initial, NU, resolution=64, times=times)
    finer = solve(initial, NU, resolution=64, times=times, points=320, step=0.01)
    assert u.shape == (2, 2, 64, 1)
    assert relative_error(u[:, 1], finer[:, 1]) < 1e-3


def test_close_solutions_separate_by_their_lyapunov_exponents():
    u0 = developed_states(SEED, 12)(LENGTH * cell_centres(96))
    near = u0 + 1e-7 * np.sin(2 * np.pi * 5 * cell_centres(96))
    times, nu = np.array([0, 10.0, 40.0]), np.full(24, 1.0)
    a, b = np.split(evolve(np.concatenate([u0, near]), nu, times, step=0.1), 2)
    distance = np.linalg.norm(a - b, axis=2)
    exponent = np.log(distance[:, 2] / distance[:, 1]).mean() / 30
    assert 0.06 < exponent < 0.12  # 0.087 from longer runs of 24 trajectories


def test_developed_states_depend_on_seed_and_sample_alone():
    x = LENGTH * cell_centres(32)
    few, many = developed_states(SEED, 2), developed_states(SEED, 20)
    np.testing.assert_array_equal(few(x), many.select(slice(0, 2))(x))
    assert not np.allclose(few(x), developed_states(SEED + 1, 2)(x))
    u = many(LENGTH * cell_centres(128))
    np.testing.assert_allclose(u.mean(axis=1), 0, atol=1e-12)
    assert u.std(axis=1).min() > 0.9 and u.std(axis=1).max() < 1.8


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evolve(np.zeros((1, 16)), np.zeros(1), np.arange(2.0)), "positive hyperviscosity"),
        (lambda: evolve(np.zeros((1, 16)), np.ones(2), np.arange(2.0)), r"nu \(sample,\), got"),
        (lambda: evolve(np.zeros((1, 16)), np.ones(1), np.arange(2.0)[::-1]), "increase"),
        (lambda: developed_states(0, 0), "at least one sample"),
    ],
)
def test_what_cannot_be_solved_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_first_frame_has_the_values_of_the_initial_condition_at_cell_centres():
    sine = SimpleWaves(lambda x: np.sin(2 * np.pi * x / LENGTH))
    u = solve(sine, np.ones(1), resolution=16, times=np.array([0, 0.1]))
    np.testing.assert_allclose(u[0, 0, :, 0], np.sin(2 * np.pi * cell_centres(16)), atol=1e-13)
