"""Initial conditions from the simulator of the surrogate's equation."""

import re

import numpy as np
import pytest
from small_surrogates import problem_of, surrogate_of

from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import MOST_SAMPLES, simulate
from cape.inference.predict import predict
from cape.inference.simulated_initial_conditions import SimulatedInitialConditions
from cape.pretrained import save


def test_simulated_initial_conditions_are_those_of_cape_simulate(burgers, tmp_path):
    (truth,) = simulate("burgers", tmp_path, {"Nu": "0.1"}, 3, seed=7, resolution=16, progress=False)
    out = predict(
        burgers, SimulatedInitialConditions(3, seed=7), tmp_path / "p.hdf5", 4, ["Nu=0.1"], progress=False
    )
    true, predicted = open_files(truth), open_files(out)
    np.testing.assert_array_equal(predicted.read()[:, 0], true.read()[:, 0])
    np.testing.assert_array_equal(predicted.initial_conditions, true.initial_conditions)
    assert predicted.initial_conditions[0] == 7 * MOST_SAMPLES
    assert (predicted.equation, predicted.boundaries) == ("burgers", ("periodic",))
    np.testing.assert_allclose(predicted.coordinates[0], true.coordinates[0])
    expected = surrogate_of(problem_of("burgers")).rollout(true.read()[:, 0], [0.1], 4)
    np.testing.assert_allclose(predicted.read()[:, 1:], expected, rtol=1e-5, atol=1e-6)


def test_two_dimensions_and_two_channels_take_the_same_way(tmp_path):
    save(surrogate_of(problem_of("fitzhugh-nagumo")), tmp_path / "model")
    parameters = ["Du=0.01,0.1", "Dv=0.05", "k=0.02"]
    out = predict(
        tmp_path / "model", SimulatedInitialConditions(2), tmp_path / "p.hdf5", 2, parameters, progress=False
    )
    found = open_files(out)
    assert found.fields.shape == (4, 3, 16, 16, 2)
    assert found.channel_names == ("u", "v")
    assert found.boundaries == ("wall", "wall")
    assert found.parameter_names == ("Du", "Dv", "k")
    assert found.parameters[:, 0].tolist() == [0.01, 0.01, 0.1, 0.1]
    assert found.initial_conditions.tolist() == [0, 1, 0, 1]
    u = found.read()
    np.testing.assert_array_equal(u[:2, 0], u[2:, 0])
    assert (u[0, 0] != u[1, 0]).any()
    assert (u[0, 1] != u[2, 1]).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"equation": "steam"},
            "no simulator of the surrogate's equation 'steam' (there are advection, burg",
        ),
        ({"channels": ("h",)}, "the simulator of burgers has channels ('u',), the surrogate ('h',)"),
        ({"boundaries": ("wall",)}, "has boundaries ('periodic',), the surrogate ('wall',)"),
        ({"parameters": ("nu",)}, "has parameters ['Nu'], the surrogate ['nu']"),
        ({"length": (2.0,)}, "the simulator of burgers: expected a domain of length 2 as in training, got 1"),
    ],
)
def test_a_simulator_of_another_problem_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SimulatedInitialConditions(2).open(problem_of("burgers", **changes))
