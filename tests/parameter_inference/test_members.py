"""The posterior of an ensemble: the estimates of its members, and intervals as wide as they differ."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from analytic_misfit import AnalyticMisfit
from flax import nnx
from observed_trajectories import dependent_surrogate, observed

import cape
from cape.model.config import ModelConfig
from cape.parameter_inference.members import fit_members
from cape.surrogate import Surrogate

BETA = np.linspace(0.15, 0.9, 12)
NOISE = 0.002
SLOPE = np.array([1.0, 2.0, -1.0], np.float32)


def ensemble(surrogate: Surrogate, members: int, change: float) -> Surrogate:
    """An ensemble whose members have the weights of a surrogate, changed at random by a share of each."""
    config = ModelConfig(surrogate.config.base, surrogate.config.conditioning, members=members)
    made = Surrogate(surrogate.problem, config, rngs=nnx.Rngs(0))
    draw = np.random.default_rng(0)

    def changed(array):
        return np.asarray(array) * (
            1 + change * draw.normal(size=(members, *array.shape)).astype(array.dtype)
        )

    nnx.update(made, jax.tree.map(changed, nnx.state(surrogate, nnx.Param)))
    return made


@pytest.fixture(scope="module")
def five() -> Surrogate:
    """Four members of an ensemble and a fifth, the truth."""
    return ensemble(dependent_surrogate(), 5, 0.02)


@pytest.fixture(scope="module")
def four(five) -> Surrogate:
    config = ModelConfig(five.config.base, five.config.conditioning, members=4)
    made = Surrogate(five.problem, config, rngs=nnx.Rngs(0))
    nnx.update(made, jax.tree.map(lambda a: a[:4], nnx.state(five, nnx.Param)))
    return made


@pytest.fixture(scope="module")
def observation(five) -> np.ndarray:
    return observed(five.member(4), BETA, NOISE)


@pytest.fixture(scope="module")
def found(four, observation) -> cape.Inference:
    return cape.infer(four, observation)


@pytest.mark.thorough
def test_intervals_of_an_ensemble_hold_the_parameters_of_a_further_member(found, observation, four):
    low, high = found.interval["beta"].T
    assert ((low <= BETA) & (high >= BETA)).mean() >= 0.75
    single = cape.infer(four.member(0), observation)
    wide = np.diff(single.interval["beta"])[:, 0]
    assert np.median(wide / (high - low)) > 1.5  # the worst shape of one surrogate's error is not needed


def test_the_estimates_of_the_members_are_those_of_each_alone(found, observation, four):
    assert found.members["beta"].shape == (len(BETA), 4)
    alone = cape.infer(four.member(2), observation).values["beta"]
    np.testing.assert_allclose(found.members["beta"][:, 2], alone, rtol=0.01)


def test_text_json_and_figure_show_the_members(found):
    assert "taken from the estimates of its 4 members" in str(found)
    shown = found.to_dict()["trajectories"][3]["members"]["beta"]
    assert shown == found.members["beta"][3].tolist()
    pytest.importorskip("matplotlib")
    from cape.figures.inference_figure import inference_figure

    axes = inference_figure(found, 3).axes[0]
    (ticks,) = (line for line in axes.lines if line.get_label() == "members")
    np.testing.assert_array_equal(ticks.get_xdata(), found.members["beta"][3])


def member_of(place: float) -> AnalyticMisfit:
    """The misfit of a linear model whose best position is `place`."""
    misfit = AnalyticMisfit(lambda x: (x[0] - place) * SLOPE, np.zeros((1, 3)), 1)
    misfit.observation = SimpleNamespace(trajectories=1, first=np.zeros((1, 1)))
    misfit.residuals = lambda x, rows, change: (((x - place) * SLOPE).reshape(1, 1, 3, 1), None)
    return misfit


@pytest.mark.parametrize(("unexplained", "larger"), [(0.0, 1.0), (0.8, 4.0)])
def test_the_covariance_is_that_of_the_members_and_grows_with_a_shared_error(unexplained, larger):
    places, residual = np.array([0.4, 0.5, 0.6]), np.array([0.3, 0.0, 0.1]).reshape(1, 1, 3, 1)
    found = fit_members(
        [member_of(place) for place in places], np.array([[0.5]]), residual, np.array([unexplained])
    )
    np.testing.assert_allclose(found.best[0, :, 0], places, atol=1e-4)
    by_members = (1 + 1 / 3) * 0.01  # and 0.2 in r·r: (1 + 1/3) times the variance of the members' residuals
    np.testing.assert_allclose(found.covariance[0, 0, 0], by_members * larger, rtol=1e-2)
