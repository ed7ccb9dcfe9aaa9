"""Gray-Scott: steady states, parts with closed forms, conservation and order of convergence."""

import numpy as np
from analytic_fields import grid, homogeneous, relative_error
from scipy.integrate import solve_ivp

from cape.datasets.equations.gray_scott import random_spots
from cape.datasets.equations.gray_scott import solve as solve_gray_scott
from cape.datasets.schemes import gray_scott
from cape.datasets.simulate.cells import cell_centres

SEED = 7
ONE = np.ones(1)


def test_gray_scott_rests_where_nothing_reacts_and_where_all_balances():
    feed, kill = 0.06, 0.03
    a = (1 - np.sqrt(1 - 4 * (feed + kill) ** 2 / feed)) / 2  # a root of F (1 − A) A = (F + k)²
    rest = homogeneous([[1.0, 0.0], [a, (feed + kill) / a]])
    u = gray_scott.evolve(rest, np.full(2, feed), np.full(2, kill), np.array([0, 40.0, 80.0]))
    np.testing.assert_allclose(u, np.stack([rest] * 3, axis=1), atol=1e-9)


def test_without_diffusion_gray_scott_is_its_reaction():
    feed, kill, start, times = 0.03, 0.055, [0.7, 0.4], np.array([0, 20.0, 100.0])

    def reaction(_, u):
        a, b = u
        return [-a * b * b + feed * (1 - a), a * b * b - (feed + kill) * b]

    u = gray_scott.evolve(homogeneous([start]), feed * ONE, kill * ONE, times, step=0.25)
    exact = solve_ivp(reaction, (0, 100), start, t_eval=times, rtol=1e-11, atol=1e-12).y.T
    np.testing.assert_allclose(u, np.broadcast_to(exact[None, :, None, None], u.shape), rtol=1e-6)


def test_without_reaction_waves_of_a_decay_by_diffusion_and_feed():
    x, y = grid(32, 2.0)
    wave = np.cos(np.pi * (3 * x + 2 * y))
    u0, feed, times = np.stack([1 + 0.3 * wave, 0 * wave], axis=-1)[None], 0.02, np.array([0, 30.0, 100.0])
    u = gray_scott.evolve(u0, feed * ONE, 0.05 * ONE, times)
    decay = np.exp(-(2e-5 * 13 * np.pi**2 + feed) * times)
    np.testing.assert_allclose(u[0, ..., 0] - 1, 0.3 * decay[:, None, None] * wave, atol=1e-13)
    np.testing.assert_array_equal(u[..., 1], 0)


def test_closed_gray_scott_conserves_its_matter():
    spots, x = random_spots(SEED, 2, length=0.5), 0.5 * cell_centres(32)
    nothing = np.zeros(2)
    u = gray_scott.evolve(spots(x, x), nothing, nothing, np.array([0, 10.0, 50.0]), length=0.5)
    matter = u.sum(axis=-1).mean(axis=(2, 3))
    np.testing.assert_allclose(matter, np.stack([matter[:, 0]] * 3, axis=1), rtol=1e-12)
    assert relative_error(u[:, 2], u[:, 0]) > 0.1


def test_gray_scott_converges_at_fourth_order_in_time_and_spectrally_in_space():
    def final(n, step):
        x, y = (np.cos(2 * np.pi * (a - 0.5 / n)) for a in grid(n))
        b = 0.8 * np.exp(2 * (x + y - 2)) + 0.3 * np.exp(3 * (-x + y - 2))
        u0 = np.stack([1 - b, b], axis=-1)[None]
        times = np.array([0.0, 48.0])
        return gray_scott.evolve(u0, 0.03 * ONE, 0.057 * ONE, times, length=0.25, step=step)[:, 1]

    fine = final(16, 0.375)
    coarse, medium = (relative_error(final(16, step), fine) for step in (3.0, 1.5))
    assert 11 < coarse / medium < 25 and medium < 2e-3
    fine = final(64, 3.0)
    errors = [relative_error(final(n, 3.0), fine[:, :: 64 // n, :: 64 // n]) for n in (8, 16, 32)]
    assert errors[1] < 0.1 * errors[0] and errors[2] < 0.01 * errors[1]


def test_gray_scott_makes_different_patterns_of_one_start():
    feed, kill = np.array([0.03, 0.03, 0.058]), np.array([0.057, 0.07, 0.051])
    start = random_spots(SEED, 1, length=0.5)
    u = np.concatenate(
        [
            solve_gray_scott(start, f, k, resolution=32, times=np.array([0, 200.0]), length=0.5)
            for f, k in zip(feed[:, None], kill[:, None], strict=True)
        ]
    )
    np.testing.assert_array_equal(u[:, 0], np.stack([u[0, 0]] * 3))
    maze, nothing, filled = u[:, 1, ..., 1]
    assert maze.max() > 0.25 and (maze < 0.05).mean() > 0.2  # stripes and gaps
    assert nothing.max() < 1e-3 and filled.mean() > 1.5 * maze.mean()
