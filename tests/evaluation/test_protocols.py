"""Protocols of exact and of deliberately wrong solutions: every number is known in advance."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.datasets.arrays import in_memory
from cape.evaluation import files
from cape.evaluation.error_tables import protocol_text
from cape.evaluation.evaluate import evaluate
from cape.evaluation.protocols import PROTOCOLS, Study, run_protocols
from cape.evaluation.protocols.distance import distance
from cape.evaluation.protocols.horizon import horizon
from cape.evaluation.protocols.resolution import resolution
from cape.evaluation.protocols.response import MOST_INITIAL_CONDITIONS, response
from cape.inference.resampling import on_doubled_grid
from cape.problem import Problem

DT, FRAMES, POINTS = 0.05, 7, 32
BETAS, TRAINED = (0.1, 0.2, 0.4, 2.0), np.array([[0.2], [0.4], [2.0]])


def sines(betas=BETAS, starts=3, same_starts=True):
    """u = sin(2π(x - βt) + φ), the same phases φ at every value; a second channel is ten times the first."""
    x, t = (np.arange(POINTS) + 0.5) / POINTS, DT * np.arange(FRAMES)
    beta, phase = np.repeat(betas, starts), np.tile(np.arange(starts), len(betas))
    angle = 0.3 * phase if same_starts else 0.3 * np.arange(len(beta))
    u = np.sin(2 * np.pi * (x - beta[:, None, None] * t[:, None]) + angle[:, None, None])
    return in_memory(
        np.stack([u, 10 * u], axis=-1).astype(np.float32),
        beta[:, None],
        ("beta",),
        channel_names=("u", "v"),
        coordinates=(x,),
        times=t,
        boundaries=("periodic",),
        initial_conditions=phase,
    )


def exact(parameters):
    """The exact step: a shift by βΔt, as a phase in Fourier space."""
    k = jnp.arange(POINTS // 2 + 1, dtype=jnp.float32)
    angle = (2 * jnp.pi * DT * parameters[:, :1] * k[None, :])[..., None]
    phase = jax.lax.complex(jnp.cos(angle), -jnp.sin(angle))
    return lambda u: jnp.fft.irfft(jnp.fft.rfft(u, axis=1) * phase, n=POINTS, axis=1)


def study(step_at, data=None, trained_steps=FRAMES - 1, finer=None):
    data = sines() if data is None else data
    return Study(step_at, data, evaluate(step_at, data, TRAINED, examples=False), trained_steps, finer=finer)


def found(step_at, data=None, trained_steps=FRAMES - 1):
    one = study(step_at, data, trained_steps)
    return run_protocols(one), one.evaluation


def test_wrong_parameters_cost_what_the_shift_between_the_waves_says():
    """At β' instead of β the wave is off by (β' - β)t: nRMSE 2 |sin(π(β' - β)t)|."""
    t = DT * np.arange(1, FRAMES)

    def cost(own, other):
        return np.mean(2 * np.abs(np.sin(np.pi * (other - own) * t)))

    controls = found(exact)[0]["controls"]
    assert [row["parameters"]["beta"] for row in controls] == list(BETAS)
    assert [row["kind"] for row in controls] == ["extrapolated", "seen", "seen", "seen"]
    geometric = np.exp(np.log(TRAINED).mean())
    for row in controls:
        own = row["parameters"]["beta"]
        assert row["right"] < 1e-5
        np.testing.assert_allclose(row["mean"], cost(own, geometric), rtol=1e-3)
        others = [cost(own, other) for other in BETAS if other != own]
        assert min(abs(row["shuffled"] / other - 1) for other in others) < 1e-3
    assert len({round(row["shuffled"], 6) for row in controls}) > 1


def test_a_surrogate_that_ignores_its_parameters_shows():
    measured, _ = found(lambda parameters: exact(jnp.full_like(parameters, 0.3)))
    for row in measured["controls"]:
        assert row["right"] == pytest.approx(row["shuffled"]) == pytest.approx(row["mean"])
    assert [row["amplitude"] for row in measured["response"]] == pytest.approx([0, 0, 0])
    assert [row["cosine"] for row in measured["response"]] == pytest.approx([0, 0, 0], abs=1e-3)


def test_the_response_of_the_exact_solution_is_the_truth():
    rows = response(study(exact))
    assert [row["parameters"]["beta"] for row in rows] == [
        0.1,
        0.2,
        2.0,
    ]  # relative to the middle trained one
    assert all(row["relative_to"] == {"beta": 0.4} and row["samples"] == 3 for row in rows)
    for row in rows:
        np.testing.assert_allclose((row["cosine"], row["amplitude"]), 1, rtol=1e-4)


@pytest.mark.parametrize(("factor", "cosine", "amplitude"), [(0.5, 1.0, 0.5), (-2.0, -1.0, 2.0)])
def test_the_response_tells_direction_and_size(factor, cosine, amplitude):
    """After one step, factor times the solution changes by factor times as much."""
    data = sines().first_frames(2)
    for row in response(study(lambda p: lambda u: factor * exact(p)(u), data)):
        np.testing.assert_allclose((row["cosine"], row["amplitude"]), (cosine, amplitude), rtol=1e-4)


def test_samples_that_do_not_start_alike_are_not_compared():
    assert response(study(exact, sines(same_starts=False))) == []
    many = response(study(exact, sines(starts=MOST_INITIAL_CONDITIONS + 3)))
    assert {row["samples"] for row in many} == {MOST_INITIAL_CONDITIONS}


def test_the_horizon_is_parted_at_the_trained_steps():
    """A field that shrinks by a tenth a step has nRMSE 1 - 0.9ⁿ."""
    rows = horizon(study(lambda p: lambda u: 0.9 * exact(p)(u), trained_steps=2))
    error = 1 - 0.9 ** np.arange(1, 5)
    assert [row["kind"] for row in rows] == ["seen", "extrapolated"]
    for row in rows:
        assert (row["trained_steps"], row["steps"]) == (2, 4)
        np.testing.assert_allclose(
            [row["within"], row["beyond"]], [error[:2].mean(), error[2:].mean()], rtol=1e-4
        )


def test_the_distance_from_the_trained_values_is_that_of_the_most_extreme_parameter():
    """A step that is wrong by a factor that depends on β alone has an error known for every value."""
    wrong = {0.001: 0.5, 0.1: 0.1, 0.2: 0.02, 0.3: 0.03, 0.4: 0.02, 2.0: 0.02, 4.0: 0.3, 4.1: 0.4, 20.0: 0.2}
    table = jnp.asarray(list(wrong.items()), jnp.float32)

    def step_at(parameters):
        nearest = jnp.argmin(jnp.abs(parameters - table[None, :, 0]), axis=1)
        factor = 1 + table[nearest, 1]
        return lambda u: factor[:, None, None] * exact(parameters)(u)

    data = sines(tuple(wrong)).first_frames(2)
    rows = distance(study(step_at, data))
    assert [(row["values"], row["count"]) for row in rows] == [
        ("trained", 3),
        ("between", 1),
        ("up to 2 times outside", 2),
        ("up to 10 times outside", 2),
        ("further outside", 1),
    ]
    expected = [0.02, 0.03, (0.1 + 0.3) / 2, (0.4 + 0.2) / 2, 0.5]
    np.testing.assert_allclose([row["nRMSE"] for row in rows], expected, rtol=1e-3)
    np.testing.assert_allclose([row["ratio"] for row in rows], np.array(expected) / 0.02, rtol=2e-3)


def test_a_grid_twice_as_fine_is_judged_by_itself():
    """The wrong step keeps 0.9 of the field on the grid of the training and 0.8 on the finer one."""

    def step_at(parameters):
        return lambda u: (0.9 if u.shape[1] == POINTS // 2 else 0.8) * u

    fine = sines((0.4, 2.0)).first_frames(2)
    still = in_memory(
        np.repeat(fine.read()[:, :1], 2, axis=1),
        fine.parameters,
        ("beta",),
        channel_names=("u", "v"),
        coordinates=fine.coordinates,
        times=fine.times,
        boundaries=("periodic",),
    )
    (row,) = resolution(study(step_at, still.subsample(space=2), finer=still))
    assert row["kind"] == "seen"
    np.testing.assert_allclose(
        [row["trained_grid"], row["twice_as_fine"], row["ratio"]], [0.1, 0.2, 2.0], rtol=1e-4
    )


def test_what_the_data_do_not_allow_is_empty_and_said_so():
    measured, _ = found(exact, sines((0.4,)))
    names = ["controls", "response", "distance", "horizon", "resolution"]
    assert [protocol.name for protocol in PROTOCOLS] == names
    assert measured == {name: [] for name in names}
    text = protocol_text(measured)
    for said in (
        "one parameter value",
        "no initial condition",
        "no distance",
        "end with the steps",
        "no finer grid",
    ):
        assert said in text


def test_tables_and_files(tmp_path):
    measured, evaluation = found(exact, trained_steps=3)
    path, _ = files.write(evaluation, tmp_path, measured)
    assert json.loads(path.read_text())["protocols"] == measured
    assert files.read(tmp_path).rows[0].parameters == evaluation.rows[0].parameters
    controls, response, distance, horizon, resolution = protocol_text(measured).split("\n\n")
    assert controls.splitlines()[1].split() == ["beta", "kind", "right", "shuffled", "mean"]
    assert "relative to beta = 0.4" in response and response.splitlines()[3].split()[3:] == [
        "1.0000",
        "1.0000",
    ]
    assert (
        distance.splitlines()[1].split() == ["values", "count", "nRMSE", "ratio"]
        and "no finer grid" in resolution
    )
    assert "within the 3 steps trained, and beyond up to step 6" in horizon
    assert len(horizon.splitlines()) == 5


def test_files_twice_as_fine_are_found():
    problem = Problem.of(sines().subsample(space=4))
    assert on_doubled_grid(problem, sines()).resolution == (POINTS // 2,)
    assert on_doubled_grid(problem, sines().subsample(space=4)) is None
    assert on_doubled_grid(Problem.of(sines()), sines()) is None
