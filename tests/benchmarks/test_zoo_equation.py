"""The data of an equation of the zoo."""

import dataclasses

import numpy as np
import pytest
from zoo.equation import TESTED, TRAINED, VALIDATED, ZooEquation, values


def waves(random, samples, points, length):
    """Return cosines with random phases."""
    x = length * np.arange(points[0]) / points[0]
    return np.cos(2 * np.pi * (x / length + random.uniform(size=(samples, 1))))[..., None]


def decay(u0, p, equation):
    """Solve du/dt = -a u."""
    factors = np.exp(-p["a"] * equation.times)
    return u0[:, None] * factors[None, :, None, None]


EQUATION = ZooEquation(
    "decay", "uₜ = −a u", ("u",), (8,), 1.0, 0.1, 3, values("a", 0.0, 2.0), values("a", 1.0), values("a", -1.0), waves,
    decay,
)  # fmt: skip


def test_parts_have_their_values_and_initial_conditions(tmp_path):
    training, validation, test = EQUATION.data(tmp_path)
    assert [len(part.parameters) for part in (training, validation, test)] == [
        2 * TRAINED,
        2 * VALIDATED,
        4 * TESTED,
    ]
    np.testing.assert_array_equal(np.unique(training.parameters), [0.0, 2.0])
    np.testing.assert_array_equal(np.unique(test.parameters), [-1.0, 0.0, 1.0, 2.0])
    shared = test.read().reshape(4, TESTED, 4, 8, 1)[:, :, 0]
    np.testing.assert_array_equal(shared, np.broadcast_to(shared[0], shared.shape))
    again = EQUATION.data(tmp_path)[0]
    np.testing.assert_array_equal(again.read(), training.read())
    assert len(list(tmp_path.iterdir())) == 1


def test_a_finer_solver_keeps_the_points_of_the_grid(tmp_path):
    coarse, fine = (dataclasses.replace(EQUATION, finer=f).data(tmp_path)[2].read() for f in (1, 2))
    np.testing.assert_allclose(coarse, fine, atol=1e-6)


def test_a_solver_that_blows_up_names_the_equation_and_the_values(tmp_path):
    def blows_up(u0, p, equation):
        return decay(u0, p, equation) / p["a"]

    equation = dataclasses.replace(EQUATION, solve=blows_up)
    with (
        np.errstate(divide="ignore", invalid="ignore"),
        pytest.raises(ValueError, match="decay: .* at a = 0;"),
    ):
        equation.data(tmp_path)
    assert not list(tmp_path.iterdir())  # nothing is kept
