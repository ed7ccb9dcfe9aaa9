"""The contract of equations: a new one in several dimensions and channels is simulated, written and read."""

import subprocess
import sys
from dataclasses import dataclass, replace

import h5py
import numpy as np
import pytest

from cape.datasets.augmentation import symmetries_of
from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter, find_equation
from cape.datasets.opening import open_files
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.simulation import simulate

SEED = 7


def rotate(initial, omega, *, resolution, times):
    """Two channels that turn into each other: A + iB = (A₀ + iB₀) exp(iωt), on the square [-1, 1)²."""
    x = -1.0 + 2.0 * cell_centres(resolution)
    start = initial(x[:, None] + 0.0 * x[None, :]) + 1j
    phases = np.exp(1j * np.multiply.outer(omega, times))
    u = phases[:, :, None, None] * start[:, None]
    return np.stack([u.real, u.imag], axis=-1)


@dataclass(frozen=True)
class Offsets:
    values: np.ndarray

    def __call__(self, x):
        return x + self.values[:, None, None]

    def select(self, samples):
        return Offsets(self.values[samples])


ROTATION = Equation(
    "rotation",
    (Parameter("omega", "Omega"), Parameter("a", "A")),
    lambda initial, omega, a, **sizes: rotate(initial, omega, **sizes),
    "2D_Rotation",
    lambda seed, samples: Offsets(seed + np.arange(float(samples))),
    dimension=2,
    channels=("A", "B"),
    length=2.0,
    origin=-1.0,
    boundary="wall",
    resolution=16,
    frames=3,
    t_end=0.5,
    file_suffix="_{resolution}",
)


def test_an_equation_of_two_dimensions_and_channels_opens_again_as_it_was(tmp_path):
    (path,) = simulate(ROTATION, tmp_path, {"omega": "1", "a": "uniform:0:1"}, 3, progress=False)
    assert path.name == "2D_Rotation_Omega1.0_A0.0-1.0_uniform_16.hdf5"
    trajectories = open_files(path)
    assert (trajectories.equation, trajectories.boundaries) == ("rotation", ("wall", "wall"))
    assert trajectories.channel_names == ("A", "B") and trajectories.parameter_names == ("omega", "a")
    assert trajectories.lengths == pytest.approx((2.0, 2.0)) and trajectories.coordinates[1][0] == -1 + 1 / 16
    np.testing.assert_array_equal(trajectories.parameters[:, 0], 1.0)
    np.testing.assert_allclose(trajectories.times, [0, 0.25, 0.5])
    u = rotate(Offsets(np.arange(3.0)), np.ones(3), resolution=16, times=np.array([0, 0.25, 0.5]))
    np.testing.assert_array_equal(trajectories.read(), u.astype(np.float32))


def test_batches_are_bounded_in_memory_whatever_the_dimension(tmp_path):
    seen = []

    def solve(initial, omega, a, *, resolution, times):
        seen.append(len(omega))
        return np.zeros((len(omega), len(times), *[resolution] * 3, 2), np.float32)

    cube = replace(ROTATION, dimension=3, solve=solve, file_suffix="", frames=20)
    simulate(cube, tmp_path, {"omega": "1", "a": "2"}, 3, resolution=64, progress=False)
    simulate(cube, tmp_path, {"omega": "1", "a": "3"}, 100, frames=2, progress=False)
    assert seen == [1, 1, 1, 50, 50]


def test_a_solution_of_the_wrong_shape_is_refused(tmp_path):
    flat = replace(ROTATION, solve=lambda *_, resolution, times: np.zeros((1, len(times), resolution, 2)))
    with pytest.raises(ValueError, match=r"rotation: expected the solution .*\(1, 3, 16, 16, 2\), got"):
        simulate(flat, tmp_path, {"omega": "1", "a": "1"}, 1, progress=False)


@pytest.mark.parametrize(
    "equation",
    [
        pytest.param(each, marks=pytest.mark.thorough if each.dimension > 1 else (), id=each.name)
        for each in EQUATIONS.parts.values()
    ],
)
def test_the_first_frame_alone_is_the_initial_condition(equation):
    initial, sizes = equation.initial_conditions(SEED, 2), {"resolution": 16}
    p = [np.full(2, 0.5)] * len(equation.parameters)
    first = equation.solve(initial, *p, **sizes, times=np.zeros(1))
    assert first.shape == (2, 1, *[16] * equation.dimension, len(equation.channels))
    both = equation.solve(initial, *p, **sizes, times=np.array([0.0, 1e-3]))
    np.testing.assert_array_equal(first, both[:, :1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.attrs.update(channels=["A", "C"]), "no dataset 'C'"),
        (lambda f: f.attrs.__delitem__("parameters"), "'parameters' is missing"),
        (lambda f: f.attrs.update(parameters=["omega", "b"]), "no parameter 'b'"),
        (
            lambda f: (f.__delitem__("B"), f.create_dataset("B", data=np.zeros((3, 2, 16, 16)))),
            "'B' has axes",
        ),
        (lambda f: f.attrs.update(boundary="none"), "'boundary' is 'none'"),
    ],
)
def test_named_channels_that_do_not_fit_are_refused(tmp_path, change, message):
    (path,) = simulate(ROTATION, tmp_path, {"omega": "1", "a": "2"}, 3, progress=False)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=message):
        open_files(path)


def test_an_equation_is_added_by_registering_it(tmp_path, monkeypatch):
    monkeypatch.setattr(EQUATIONS, "_parts", dict(EQUATIONS.parts))
    EQUATIONS.add(ROTATION)
    assert find_equation("rotation") is ROTATION
    (path,) = simulate("rotation", tmp_path, {"omega": "1", "a": "2"}, 2, progress=False)
    assert open_files(path).equation == "rotation"
    with pytest.raises(ValueError, match="'rotation' declares no symmetries"):
        symmetries_of("rotation", ("wall", "wall"))


def test_something_else_is_not_registered_as_an_equation():
    with pytest.raises(ValueError, match="equation .3.: expected a.* Equation .*, got 3"):
        EQUATIONS.add(3)


@pytest.mark.parametrize("name", sorted(EQUATIONS.parts))
def test_every_equation_describes_itself_and_its_symmetries_name_its_parameters(name):
    equation = find_equation(name)
    assert equation.name == name
    assert equation.title
    assert equation.formula
    assert equation.scheme
    assert all(parameter.meaning for parameter in equation.parameters)
    symmetries = symmetries_of(name, (equation.boundary,) * equation.dimension)
    for exponents in (symmetries.tiling, symmetries.time):
        assert exponents is None or set(exponents) == {"u", *equation.parameter_names}
    assert set(symmetries.isometries or ()) <= set(equation.channels)


def test_listing_equations_and_the_help_of_commands_need_no_jax():
    code = (
        "import sys; from cape.datasets.equations.equation import EQUATIONS; from cape.cli import main;"
        "main(['simulate', '--help']); main(['inspect', '--help']);"
        "print(*sorted(EQUATIONS.parts)); print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/", timeout=120)
    *text, names, jax_is_imported = done.stdout.splitlines()
    assert jax_is_imported == "False", done.stderr
    shown = " ".join(" ".join(text).replace("│", " ").split())
    assert "one of " + ", ".join(names.split()) in shown
