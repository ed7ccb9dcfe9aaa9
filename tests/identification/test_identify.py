import dataclasses

import exact_equations as exact
import jax.numpy as jnp
import numpy as np
import pytest

from cape.identification import identify as search
from cape.identification.equation import advance, coefficients
from cape.identification.identify import identify
from cape.identification.text import equation_text
from cape.problem import Problem


def identified(trajectories):
    """Return the equation of trajectories, and their problem."""
    problem = Problem.of(trajectories)
    return identify(trajectories, problem), problem


def step_errors(equation, problem, trajectories):
    """Return the errors of one step over the standard deviations of the channels."""
    u = trajectories.read()
    c = coefficients(equation, problem, jnp.asarray(trajectories.parameters, jnp.float32))
    after = advance(equation, problem, jnp.asarray(u[:, 0]), c)
    return np.abs(np.asarray(after) - u[:, 1]).max((0, 1)) / np.array(problem.channel_std)


SLOW = pytest.mark.slow  # a fit of the whole library


@pytest.mark.parametrize(
    ("make", "seen", "unseen", "text"),
    [
        (exact.dispersion, [0.001, 0.002, 0.004], [0.0005, 0.003, 0.008], "∂u0/∂t = c ∂xxx u0"),
        pytest.param(
            exact.waves,
            [0.5, 1.0, 1.5, 2.0],
            [0.3, 1.2, 2.5],
            "∂u0/∂t = u1; ∂u1/∂t = c² ∂xx u0",
            marks=pytest.mark.thorough,
        ),
        pytest.param(exact.logistic, [1.0, 2.0, 4.0], [0.5, 3.0, 6.0], "∂u0/∂t = r u0 - r u0 u0", marks=SLOW),
        pytest.param(
            exact.forced_diffusion,
            [0.01, 0.02, 0.05],
            [0.005, 0.03, 0.1],
            "∂u0/∂t = nu ∂xx u0 + cos(x)",
            marks=SLOW,
        ),
    ],
)
def test_an_equation_is_found_and_holds_at_values_inside_and_outside_the_range(make, seen, unseen, text):
    equation, problem = identified(make(seen))
    assert equation_text(equation, problem) == text
    assert step_errors(equation, problem, make(unseen)).max() < 2e-3
    assert max(equation.error) < 1e-3


@pytest.mark.parametrize("parameters", [{"c": [0.002]}, {}])
def test_coefficients_are_constant_if_there_is_one_value(parameters):
    u0 = exact.smooth_fields(6)[..., None]
    data = exact.trajectories([exact.linear_solution(lambda k: [[0.002 * k**3]], u0)], parameters)
    equation, problem = identified(data)
    assert equation_text(equation, problem) == "∂u0/∂t = 0.002 ∂xxx u0"
    assert step_errors(equation, problem, data).max() < 1e-3


@pytest.mark.thorough
def test_every_parameter_may_have_its_own_function():
    def data(values):
        u0 = np.stack([exact.smooth_fields(6), exact.smooth_fields(6, seed=1)], -1)
        solutions = [
            exact.linear_solution(
                lambda k, c=c, gamma=gamma: [[0 * k, 1 + 0 * k], [(c * k) ** 2, -gamma + 0 * k]], u0
            )
            for c, gamma in values
        ]
        return exact.trajectories(
            solutions, {"c": [c for c, _ in values], "gamma": [gamma for _, gamma in values]}
        )

    equation, problem = identified(data([(c, gamma) for c in (0.5, 1.0, 1.5) for gamma in (0.5, 2.0)]))
    assert equation_text(equation, problem) == "∂u0/∂t = u1; ∂u1/∂t = c² ∂xx u0 - gamma u1"
    assert step_errors(equation, problem, data([(1.2, 1.0), (2.0, 4.0)])).max() < 2e-3


@pytest.mark.thorough
def test_a_coefficient_may_be_one_over_the_parameter():
    def data(values):
        u0 = exact.smooth_fields(6)[..., None]
        return exact.trajectories(
            [exact.linear_solution(lambda k, re=re: [[k**2 / re]], u0) for re in values], {"Re": values}
        )

    equation, problem = identified(data([20.0, 50.0, 100.0, 400.0]))
    assert equation_text(equation, problem) == "∂u0/∂t = 1/Re ∂xx u0"
    assert step_errors(equation, problem, data([10.0, 200.0])).max() < 2e-3


@pytest.mark.thorough
def test_parameters_may_be_negative_zero_and_constant():
    def data(pairs):
        u0 = exact.smooth_fields(6)[..., None]
        solutions = [exact.linear_solution(lambda k, c=c: [[-c * k]], u0) for c, _ in pairs]
        return exact.trajectories(solutions, {"c": [c for c, _ in pairs], "fixed": [f for _, f in pairs]})

    equation, problem = identified(data([(-1.0, 3.0), (0.0, 3.0), (0.5, 3.0), (1.0, 3.0)]))
    assert step_errors(equation, problem, data([(-2.0, 3.0), (0.2, 3.0)])).max() < 2e-3


@SLOW
def test_frames_without_a_rule_have_no_equation():
    random = np.random.default_rng(0)
    u = [random.normal(size=(6, exact.FRAMES, exact.POINTS, 1)) for _ in range(3)]
    assert identified(exact.trajectories(u, {"p": [1.0, 2.0, 3.0]}))[0] is None


@pytest.mark.parametrize(("misfit", "accepted"), [(0.09, True), (0.17, False)])
def test_an_equation_that_misses_more_than_a_tenth_at_a_value_is_not_used(monkeypatch, misfit, accepted):
    data = exact.dispersion([0.001, 0.002, 0.004])
    found = dataclasses.replace(identified(data)[0], misfit=misfit)
    monkeypatch.setattr(search, "_best_linear", lambda *_: found)
    monkeypatch.setattr(search, "first_estimates", lambda *_: [])
    assert (identified(data)[0] is not None) == accepted


def test_two_values_of_which_none_can_be_left_out_have_no_equation():
    assert identified(exact.dispersion([0.002, 0.004]))[0] is None


@SLOW
def test_values_over_eight_decades_are_no_error():
    equation, _ = identified(exact.dispersion([1e-10, 1e-6, 1e-4, 1e-2]))
    assert equation is None or np.isfinite(equation.coefficients).all()
