"""Every image of a trajectory under an equation's symmetries solves the equation, at the parameters it is given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.datasets.augmentation import Augmentation, augment, symmetries_of
from cape.datasets.equations import wave
from cape.datasets.equations.equation import find_equation
from cape.datasets.equations.incompressible import random_vorticity
from cape.datasets.isometries import random_isometry
from cape.datasets.schemes import burgers, compressible, incompressible, reaction_diffusion
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.waves import random_waves
from cape.datasets.symmetries import Isometry, Symmetries

POINTS, TIMES = 128, np.linspace(0, 0.4, 5)
SPEED = 1 / POINTS / 0.1
THOROUGH = pytest.mark.thorough
OTHER_EQUATIONS = [pytest.param(name, marks=THOROUGH) for name in ("advection", "reaction-diffusion")]


def image(equation, augmentation, u, p, names, seed=0, stride=1):
    frames, parameters = augment(
        find_equation(equation).symmetries,
        augmentation,
        jnp.asarray(u[..., None], jnp.float32),
        jnp.asarray(p, jnp.float32),
        jax.random.key(seed),
        parameter_names=names,
        speed=SPEED,
        stride=stride,
    )
    return np.asarray(frames[..., 0], np.float64), np.asarray(parameters, np.float64)


def smooth(samples):
    return random_waves(3, samples, probability_absolute=0.0, probability_window=0.0)


def test_images_of_advection_are_carried_at_their_own_speed():
    beta = np.tile([0.5, 2.0, 4.0], 4)
    u = find_equation("advection").solve(smooth(12), beta, resolution=POINTS, times=TIMES)[..., 0]
    widely = Augmentation(tilings=(1, 2, 4), largest_scaling=2.0)
    images, new = image("advection", widely, u, beta[:, None], ("beta",))
    new = new[:, 0]
    assert set(beta / new) == {1.0, 2.0, 4.0}
    k = np.fft.rfftfreq(POINTS, 1 / POINTS)
    turn = np.exp(-2j * np.pi * k * (new[:, None] * TIMES)[..., None])
    exact = np.fft.irfft(np.fft.rfft(images[:, :1]) * turn, POINTS)
    np.testing.assert_allclose(images, exact, atol=2e-5)


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(tilings=(2,)),
        pytest.param(Augmentation(reflect=True), marks=THOROUGH),
        pytest.param(Augmentation(largest_boost=0.5), marks=THOROUGH),
        Augmentation(tilings=(1, 2), reflect=True, largest_boost=0.5),
    ],
)
def test_images_of_burgers_are_what_the_solver_makes_of_their_first_frame(augmentation):
    nu = np.array([0.2, 0.5, 1.0, 2.0])
    u = find_equation("burgers").solve(smooth(4), nu, resolution=POINTS, times=TIMES)[..., 0]
    images, new = image("burgers", augmentation, u, nu[:, None], ("Nu",))
    assert not np.allclose(images, u)
    solved = burgers.solve_from(images[:, 0], new[:, 0], TIMES)
    assert np.linalg.norm(images - solved) < 1e-3 * np.linalg.norm(solved)
    # and the parameter matters: at the old viscosity the tiled images solve nothing
    if augmentation.tilings == (2,):
        wrong = burgers.solve_from(images[:, 0], nu, TIMES)
        assert np.linalg.norm(images - wrong) > 1e-2 * np.linalg.norm(wrong)


@pytest.mark.thorough
def test_images_of_reaction_diffusion_are_what_the_solver_makes_of_their_first_frame():
    nu, rho = np.array([0.01, 0.02]), np.array([1.0, 2.0])
    x = 2 * np.pi * cell_centres(POINTS)
    u0 = np.stack([0.5 + 0.3 * np.sin(x) + 0.1 * np.cos(2 * x), 0.4 + 0.2 * np.cos(x)])
    u = reaction_diffusion.evolve(u0, nu, rho, TIMES)
    p = np.stack([nu, rho], -1)
    images, new = image("reaction-diffusion", Augmentation(tilings=(2,), reflect=True), u, p, ("Nu", "rho"))
    np.testing.assert_allclose(new, p * [0.25, 1.0], rtol=1e-6)
    solved = reaction_diffusion.evolve(images[:, 0], new[:, 0], new[:, 1], TIMES)
    assert np.linalg.norm(images - solved) < 1e-3 * np.linalg.norm(solved)


@pytest.mark.parametrize("equation", ["burgers", *OTHER_EQUATIONS])
def test_trajectories_shown_faster_are_what_the_solver_makes_at_larger_parameters(equation):
    it = find_equation(equation)
    p = np.array([[0.2, 0.5], [0.5, 1.0], [1.0, 2.0]])[:, : len(it.parameter_names)]
    starts = it.initial_conditions(3, 3) if equation == "reaction-diffusion" else smooth(3)
    u = it.solve(starts, *p.T, resolution=POINTS, times=TIMES)[..., 0]
    images, new = image(equation, Augmentation(strides=(2,)), u, p, it.parameter_names, stride=2)
    np.testing.assert_allclose(new, 2 * p)
    assert images.shape[1] == 3
    times = TIMES[: images.shape[1]]
    if equation == "advection":
        k = np.fft.rfftfreq(POINTS, 1 / POINTS)
        turn = np.exp(-2j * np.pi * k * (new * times)[..., None])
        solved = np.fft.irfft(np.fft.rfft(images[:, :1]) * turn, POINTS)
    elif equation == "burgers":
        solved = burgers.solve_from(images[:, 0], new[:, 0], times)
    else:
        solved = reaction_diffusion.evolve(images[:, 0], *new.T, times)
    assert np.linalg.norm(images - solved) < 1e-3 * np.linalg.norm(solved)
    assert np.linalg.norm(images - u[:, :3]) > 1e-2 * np.linalg.norm(solved)


@pytest.mark.thorough
def test_images_of_waves_are_what_the_solver_makes_of_their_first_frame():
    c, gamma = np.full(6, 1.2), np.full(6, 0.8)
    frames = wave.solve(
        wave.random_displacements(3, 6), c, gamma, resolution=64, times=np.linspace(0, 0.4, 5)
    )
    images, p = augment(
        find_equation("wave").symmetries,
        Augmentation(tilings=(1, 2), reflect=True),
        jnp.asarray(frames, jnp.float32),
        jnp.asarray(np.stack([c, gamma], -1), jnp.float32),
        jax.random.key(0),
        parameter_names=("c", "gamma"),
        channel_names=("u", "v"),
        speed=1.0,
    )
    images, p = np.asarray(images, np.float64), np.asarray(p, np.float64)
    assert set(np.round(p[:, 0], 3)) == {0.6, 1.2} and not np.allclose(images[:, 0], frames[:, 0])
    k = np.arange(1, 9)[:, None]
    modes = np.fft.rfft(images[:, 0], axis=1)[:, 1:9] * np.exp(-1j * np.pi * k / 64) * 2j / 64
    start = wave.Displacements(modes[..., 0], modes[..., 1])
    solved = wave.solve(start, *p.T, resolution=64, times=np.linspace(0, 0.4, 5))
    np.testing.assert_allclose(images, solved, atol=1e-3)


def random_flows(samples, resolution, times):
    """Compressible flow of low viscosity, and the function that solves it from given first frames."""
    eta = np.full(samples, 0.02)
    mach = np.full(samples, 0.5)
    flows = find_equation("compressible2d").initial_conditions(5, samples)
    frames = find_equation("compressible2d").solve(flows, mach, eta, eta, resolution=resolution, times=times)
    return frames, lambda first: compressible.evolve(first, eta, eta, times)


@pytest.mark.thorough
def test_turned_compressible_flows_are_what_the_solver_makes_of_their_first_frame():
    times = np.linspace(0, 0.1, 3)
    frames, solve = random_flows(8, 16, times)
    names = ("density", "pressure", "Vx", "Vy")
    images, p = augment(
        find_equation("compressible2d").symmetries,
        Augmentation(isometries=True),
        jnp.asarray(frames, jnp.float32),
        jnp.ones((8, 3)),
        jax.random.key(0),
        parameter_names=("M", "eta", "zeta"),
        channel_names=names,
        speed=1.0,
        exchange=True,
    )
    images = np.asarray(images, np.float64)
    assert sum(not np.allclose(a, b) for a, b in zip(images, frames, strict=True)) >= 4
    size = np.linalg.norm(images[..., 2:])  # of the velocity
    # the solver sweeps along x first: exchanged axes change its splitting error, of a percent on so coarse a grid
    assert np.linalg.norm((images - solve(images[:, 0]))[..., 2:]) < 0.02 * size
    # with components that stay behind it is no solution
    left = images[..., [0, 1, 3, 2]]
    assert np.linalg.norm((left - solve(left[:, 0]))[..., 2:]) > 0.2 * size
    assert (np.asarray(p) == 1).all()


@pytest.mark.parametrize(
    ("space", "exchange", "expected"), [((3, 3), True, 8), ((3, 4), False, 4), ((2, 2, 2), True, 48)]
)
def test_all_isometries_are_drawn(space, exchange, expected):
    frames = np.arange(np.prod(space), dtype=np.float32).reshape(1, 1, *space, 1)
    turned = random_isometry(
        jnp.asarray(np.repeat(frames, 1000, 0)), jax.random.key(0), vector=None, exchange=exchange
    )
    assert len(np.unique(np.asarray(turned).reshape(1000, -1), axis=0)) == expected


@pytest.mark.parametrize("way", [pytest.param("translate", marks=THOROUGH), "isometries"])
def test_moved_forced_flows_are_what_the_solver_makes_of_their_first_frame(way):
    x = cell_centres(32)
    force = np.sin(2 * np.pi * (x[:, None] + x)) + np.cos(2 * np.pi * (x[:, None] + x))
    force = np.broadcast_to(force, (12, 32, 32))
    nu, times = np.full(12, 1e-3), np.linspace(0, 1, 3)
    frames = incompressible.evolve(random_vorticity(1, 12)(x, x)[..., 0], nu, force, times)

    def images_under(symmetries, grid=frames):
        asked = {"parameter_names": ("nu",), "channel_names": ("w",), "speed": 1.0, "exchange": True}
        arrays = jnp.asarray(grid[..., None], jnp.float32), jnp.asarray(nu[:, None], jnp.float32)
        images, _ = augment(symmetries, Augmentation(**{way: True}), *arrays, jax.random.key(0), **asked)
        return np.asarray(images[..., 0], np.float64)

    def misfit(images):
        first = images[:, 0] - images[:, 0].mean((1, 2), keepdims=True)
        solved = incompressible.evolve(first, nu, force, times)
        return np.linalg.norm((images - solved).reshape(12, -1), axis=1).max() / np.linalg.norm(solved[0])

    images = images_under(find_equation("navier-stokes").symmetries)
    assert sum(not np.allclose(a, b, atol=1e-3) for a, b in zip(images, frames, strict=True)) >= 5
    assert misfit(images) < 1e-5
    others = {
        "translate": [Symmetries(translation=(1, 0))],
        "isometries": [
            Symmetries(forced_isometries=(wrong,))
            for wrong in (Isometry(exchange=True), Isometry(exchange=True, sign=-1), Isometry(reverse=True))
        ],
    }
    for other in others[way]:  # the force stays where it is
        assert misfit(images_under(other)) > 0.1
    with pytest.raises(ValueError, match="same length"):
        augment(
            find_equation("navier-stokes").symmetries,
            Augmentation(**{way: True}),
            jnp.zeros((1, 2, 4, 8, 1)),
            jnp.ones((1, 1)),
            jax.random.key(0),
            parameter_names=("nu",),
            speed=1.0,
        )
    if way == "isometries":
        with pytest.raises(ValueError, match="divisible by 8, got 20"):
            images_under(find_equation("navier-stokes").symmetries, frames[:, :, :20, :20])


def test_the_default_changes_nothing():
    u = random_waves(0, 3)(cell_centres(POINTS))[:, None].repeat(3, 1)
    p = np.ones((3, 1))
    images, new = image("burgers", Augmentation(), u, p, ("Nu",))
    np.testing.assert_array_equal(images, u.astype(np.float32))
    np.testing.assert_array_equal(new, p)
    assert not Augmentation().active and Augmentation(reflect=True).active


def test_what_is_not_declared_is_refused():
    with pytest.raises(ValueError, match="did you mean 'burgers'"):
        symmetries_of("burger", ("periodic",))
    with pytest.raises(ValueError, match="one periodic axis"):
        symmetries_of("burgers", ("outgoing",))
    with pytest.raises(ValueError, match="tilings"):
        Augmentation(tilings=(0,))
    with pytest.raises(ValueError, match="strides"):
        Augmentation(strides=())
    with pytest.raises(ValueError, match="largest_scaling"):
        Augmentation(largest_scaling=0.5)
    assert isinstance(symmetries_of("burgers", ("periodic",)), Symmetries)
