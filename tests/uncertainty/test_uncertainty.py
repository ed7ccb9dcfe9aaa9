"""Bands and distances of rollouts: calibration, coverage, the record beside the weights, and errors."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from command_line import fails
from observed_trajectories import STEPS, dependent_surrogate, observed, trajectories
from small_surrogates import problem_of

import cape
from cape.cli import main
from cape.datasets.simulate.writer import writing
from cape.pretrained import save
from cape.uncertainty.bands import expected_error
from cape.uncertainty.calibrate import LEVELS, calibrate, coverage_table
from cape.uncertainty.position import features, positions
from cape.uncertainty.record import FILE, read_uncertainty
from cape.uncertainty.rollout_features import count_features

VALUES = np.repeat([0.1, 0.2, 0.4, 0.7, 1.0], 16)
OTHER_VALUES = np.repeat([0.15, 0.28, 0.53, 0.85], 16)  # the calibration does not have them


@pytest.fixture(scope="module")
def surrogate():
    return dependent_surrogate()


def noisy(surrogate, seed, values=VALUES):
    """Rollouts of the surrogate plus errors that grow with beta."""
    u = observed(surrogate, values, seed=seed)
    draw = np.random.default_rng(seed + 100)
    u[:, 1:] += 0.1 * values[:, None, None, None] * draw.normal(size=u[:, 1:].shape)
    return trajectories(u, beta=values)


@pytest.fixture(scope="module")
def record(surrogate):
    return calibrate(surrogate, noisy(surrogate, 0))


def test_bands_hold_the_stated_share_of_new_trajectories_at_new_values(surrogate, record):
    new = noisy(surrogate, 1, OTHER_VALUES)
    u = new.read()
    found = surrogate.rollout(u[:, 0], new.parameters, STEPS, uncertainty=True)
    inside = np.abs(np.asarray(found.frames) - u[:, 1:]) <= np.asarray(found.half_width)[:, :, None]
    assert inside.mean() == pytest.approx(0.9, abs=0.05)
    np.testing.assert_array_equal(found.frames, surrogate.rollout(u[:, 0], new.parameters, STEPS))
    narrow = surrogate.rollout(u[:, 0], new.parameters, STEPS, uncertainty=True, level=0.5).half_width
    assert (np.asarray(narrow) < np.asarray(found.half_width)).all()
    widths = np.asarray(found.half_width).mean((1, 2))
    assert widths[-1] > 2 * widths[0]  # the errors grow with beta


def test_the_distance_is_small_for_similar_frames_and_large_for_others(surrogate, record):
    u, beta = noisy(surrogate, 2).read()[:, 0], VALUES[:, None]
    near = surrogate.rollout(u, beta, STEPS, uncertainty=True).distance
    assert np.mean(np.asarray(near) > 1) < 0.15
    for other in (6 * u, u + 5, np.sign(u)):
        assert np.mean(np.asarray(surrogate.rollout(other, beta, STEPS, uncertainty=True).distance) > 1) > 0.9
    with pytest.warns(cape.out_of_distribution.OutsideTrainedRange):
        outside = surrogate.rollout(u, 5 * beta, STEPS, uncertainty=True).distance
    assert np.asarray(outside)[VALUES == 1.0].min() > 1


def test_the_record_has_the_coverage_of_each_value(record):
    assert [row["kind"] for row in record.coverage] == ["seen", *["interpolated"] * 3, "seen"]
    assert [row["trajectories"] for row in record.coverage] == [16] * 5
    assert np.mean([row["coverage"] for row in record.coverage], 0) == pytest.approx(LEVELS, abs=0.06)
    assert "90 % band" in str(coverage_table(record))


def test_a_record_is_saved_and_loaded_with_the_weights(surrogate, record, tmp_path):
    save(dependent_surrogate(), tmp_path)
    assert cape.load(tmp_path).uncertainty is None
    save(surrogate, tmp_path)
    loaded = cape.load(tmp_path)
    u, beta = noisy(surrogate, 3).read()[:, 0], VALUES[:, None]
    first, second = (s.rollout(u, beta, STEPS, uncertainty=True) for s in (surrogate, loaded))
    np.testing.assert_array_equal(first.half_width, second.half_width)
    np.testing.assert_array_equal(first.distance, second.distance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c | {"format": 9}, "format 9, expected 2"),
        (lambda c: {k: v for k, v in c.items() if k != "levels"}, "levels"),
        (lambda c: c | {"centre": [0.0]}, r"centre: expected shape \(3,\), got \(1,\)"),
        (lambda c: c | {"farthest": 1e300}, "numbers that are not finite"),
        (lambda c: [], "not the calibration of this surrogate"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_damaged_record_is_refused(record, tmp_path, change, message):
    problem = problem_of("advection")
    (tmp_path / FILE).write_text(json.dumps(change(json.loads(record.text))))
    with pytest.raises(ValueError, match=message):
        read_uncertainty(tmp_path, problem, count_features(problem, 1))


def test_what_is_not_calibrated_is_an_error(surrogate, record):
    u = observed(surrogate, [0.3])[:, 0]
    with pytest.raises(ValueError, match="uncertainty: the surrogate is not calibrated; run `cape calibrate"):
        dependent_surrogate().rollout(u, {"beta": 0.3}, 2, uncertainty=True)
    with pytest.raises(ValueError, match="level: expected one of the calibrated levels 0.5, .*, got 0.77"):
        surrogate.rollout(u, {"beta": 0.3}, 2, uncertainty=True, level=0.77)
    with (
        pytest.warns(cape.out_of_distribution.LongerThanTrained),
        pytest.raises(ValueError, match="steps: the uncertainty is calibrated for 5 steps, got 9"),
    ):
        surrogate.rollout(u, {"beta": 0.3}, 9, uncertainty=True)


def test_a_calibration_needs_trajectories_and_values(surrogate):
    few = noisy(surrogate, 0)
    with pytest.raises(ValueError, match="at least 20 trajectories that were not trained on, got 5"):
        calibrate(dependent_surrogate(), few.select(range(5)))
    with pytest.raises(ValueError, match="at least two parameter values to calibrate on, got one"):
        calibrate(dependent_surrogate(), trajectories(few.read()[:20], beta=np.full(20, 0.3)))


def test_expected_errors_follow_the_nearest_trajectories():
    known = jnp.asarray([[0.0], [1.0]], jnp.float32)
    errors = jnp.log(jnp.asarray([[[1.0]], [[4.0]]], jnp.float32))
    found = expected_error(known, errors, jnp.asarray([[0.0], [0.5], [1.0], [9.0]], jnp.float32))
    np.testing.assert_allclose(found[:, 0, 0], [1, 2, 4, 4], rtol=1e-5)
    excluded = jnp.asarray([[False, True]])
    np.testing.assert_allclose(expected_error(known, errors, known[1:], excluded)[0, 0, 0], 1, rtol=1e-5)


def test_positions_and_features_have_their_scales():
    problem = problem_of("gray-scott-small", 16, low=(0.01, 0.3), high=(1.0, 0.3))
    parameters = jnp.asarray([[0.1, 0.3], [1.0, 0.33], [-1.0, 0.3]], jnp.float32)
    found = np.asarray(positions(problem, parameters))
    np.testing.assert_allclose(found[:2], [[0.5, 0.0], [1.0, 0.1]], atol=1e-5)
    assert found[2, 0] < -2
    x = jnp.arange(32, dtype=jnp.float32) / 32
    wave = jnp.sqrt(2.0) * jnp.sin(2 * jnp.pi * x)[None, :, None]
    one = problem_of("advection", 32)
    mean, size, roughness = np.asarray(features(one, 3 + 2 * wave))[0]
    np.testing.assert_allclose([mean, size, roughness], [3, np.log(2), np.log(2 * np.pi)], atol=0.02)


def written(data, path) -> str:
    """Write trajectories of advection to a file."""
    with writing(
        path,
        parameters=data.parameters,
        parameter_names=data.parameter_names,
        coordinates=data.coordinates,
        times=data.times,
        initial_conditions=np.arange(data.samples),
        channel_names=data.channel_names,
        attributes={"equation": "advection", "boundary": "periodic"},
    ) as put:
        put(slice(None), slice(None), data.read())
    return str(path)


def test_the_command_prints_the_coverage_and_stores_the_record(surrogate, tmp_path, capsys):
    model, data = tmp_path / "model", noisy(surrogate, 0)
    save(dependent_surrogate(), model)
    few, all_of_them = (written(data.select(range(n)), tmp_path / f"{n}.hdf5") for n in (18, len(VALUES)))
    message = fails(capsys, "calibrate", str(model), "--data", few, "--all-samples")
    assert "expected at least 20 trajectories that were not trained on, got 18" in message
    assert main(["calibrate", str(model), "--data", all_of_them, "--all-samples"]) == 0
    out = capsys.readouterr().out
    assert "interpolated" in out and str(model / FILE) in out and (model / FILE).is_file()
