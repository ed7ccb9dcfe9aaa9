"""`cape.infer` on rollouts of the surrogate itself: the parameters are known, and the surrogate has no error."""

import json

import numpy as np
import pytest
from observed_trajectories import observed, trajectories

import cape

BETA = np.array([0.1, 0.15, 0.3, 0.6, 0.9, 0.2, 0.5, 0.8])
NOISE = 0.005


@pytest.fixture(scope="module")
def found(surrogate):
    return cape.infer(surrogate, observed(surrogate, BETA, NOISE))


def test_parameters_are_recovered_from_all_frames(found):
    np.testing.assert_allclose(found.values["beta"], BETA, rtol=0.1)
    low, high = found.interval["beta"].T
    assert ((low <= BETA) & (high >= BETA)).sum() >= 6
    assert (low < found.values["beta"]).sum() >= 7 and (found.values["beta"] < high).all()
    assert (high - low < 0.3 * BETA).all()


def test_the_noise_is_estimated_and_is_no_error_of_the_surrogate(found):
    np.testing.assert_allclose(found.noise["u"], NOISE, rtol=0.3)
    assert found.noise_estimated and np.median(found.forward_error) < 0.5 * NOISE


def test_the_covariance_is_as_wide_as_the_interval(found):
    low, high = found.interval["beta"].T
    width = 2 * 1.645 * np.sqrt(found.covariance[:, 0, 0])
    np.testing.assert_allclose(width[2:], (high - low)[2:], rtol=0.1)  # the first is cut off at the bound


def test_an_interval_that_reaches_a_bound_gives_a_warning(found):
    assert any("bound 0.1; the true value may lie below it" in text for text in found.warnings[0])
    assert found.warnings[4] == ()


def test_the_fit_is_near_the_observation(found, surrogate):
    np.testing.assert_allclose(found.observed, observed(surrogate, BETA, NOISE)[:, 1:], rtol=1e-6)
    assert np.std(found.fitted - found.observed) < 2 * NOISE


def test_text_and_json(found, tmp_path):
    text = str(found)
    assert "90 % from" in text and "intervals not calibrated" in text
    assert "warning (trajectory 0): " in text
    content = json.loads(found.write(tmp_path / "found.json").read_text())
    assert len(content["trajectories"]) == len(BETA) and not content["calibrated_on"]
    assert content["trajectories"][2]["values"]["beta"] == found.values["beta"][2]


def test_known_trajectories_calibrate_the_intervals(surrogate, found):
    others = np.linspace(0.12, 0.95, 12)
    known = trajectories(observed(surrogate, others, seed=7), beta=others)
    calibrated = cape.infer(surrogate, observed(surrogate, BETA, NOISE), calibration=known)
    assert calibrated.calibrated_on == 12
    np.testing.assert_array_equal(calibrated.values["beta"], found.values["beta"])
    low, high = calibrated.interval["beta"].T
    assert ((low <= BETA) & (high >= BETA)).sum() >= 6
    with pytest.raises(ValueError, match="intervals of 99 % need at least 99 trajectories .*, got 12"):
        cape.infer(surrogate, observed(surrogate, BETA, NOISE), calibration=known, level=0.99)
    with pytest.raises(
        ValueError, match="calibration: .* expected at least as many frames .*to frame 5., got 4"
    ):
        cape.infer(surrogate, observed(surrogate, BETA, NOISE), calibration=known.first_frames(5))


def test_some_frames_and_points_with_an_exact_start(surrogate):
    clean = observed(surrogate, BETA)
    found = cape.infer(
        surrogate, clean, noise=0.001, frames_observed=[2, 5], points_every=2, initial=clean[:, 0]
    )
    np.testing.assert_allclose(found.values["beta"], BETA, rtol=1e-2)
    assert found.observed.shape == (len(BETA), 2, 8, 1) and not found.noise_estimated


@pytest.mark.parametrize("noise", [0.0, -1.0, np.nan, [0.1, 0.1], "much"])
def test_the_noise_is_a_positive_number(surrogate, noise, unchecked):
    with pytest.raises(ValueError, match="noise: expected a positive standard deviation .*leave it out"):
        cape.infer(surrogate, np.zeros((6, 16, 1)), noise=noise)


def test_too_few_points_to_estimate_the_noise(surrogate):
    with pytest.raises(ValueError, match="noise: no level was given, and the points of frames are too few"):
        cape.infer(surrogate, observed(surrogate, BETA), points_every=4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"level": 1.0}, "level: expected a probability"), ({"starts": 0}, "starts: expected at least 1")],
)
def test_wrong_numbers(surrogate, wrong, message):
    with pytest.raises(ValueError, match=message):
        cape.infer(surrogate, np.zeros((6, 16, 1)), **wrong)
