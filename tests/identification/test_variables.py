import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

from cape.config import from_dict
from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import Factor, Term
from cape.identification.variables import (
    INVERSE,
    LOG,
    RATIO,
    SAME,
    Variable,
    check_variables,
    from_variables,
    to_variables,
    variable_definitions,
    variable_name,
    with_deviations,
)
from cape.problem import Problem

PROBLEM = Problem(
    "gas", ("rho", "p", "v"), (), ("periodic",), (8,), (0.0,), (1.0,), 0.1, 3, (0.0,) * 3, (2.0, 3.0, 4.0), (), ()
)  # fmt: skip
GAS = (Variable(LOG, 0.5), Variable(RATIO, 2.0, over=0), Variable(SAME, 3.0))


def fields() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 2.0, (4, 8, 3)).astype(np.float32)


def test_variables_are_those_of_their_definition():
    u = fields()
    v = np.asarray(to_variables(GAS, PROBLEM, jnp.asarray(u)))
    expected = np.stack([np.log(u[..., 0]) / 0.5, u[..., 1] / u[..., 0] / 2, u[..., 2] / 3], -1)
    np.testing.assert_allclose(v, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("variables", [GAS, (Variable(INVERSE, 0.5), *GAS[1:]), ()])
def test_fields_come_back_from_their_variables(variables):
    u = fields()
    back = from_variables(variables, PROBLEM, to_variables(variables, PROBLEM, jnp.asarray(u)))
    np.testing.assert_allclose(back, u, rtol=2e-6)


def test_without_variables_channels_are_divided_by_their_deviations():
    u = fields()
    scaled = to_variables((), PROBLEM, jnp.asarray(u))
    np.testing.assert_allclose(scaled, u / np.float32([2, 3, 4]), rtol=1e-6)


def test_a_density_that_is_not_positive_gives_finite_variables():
    u = fields()
    u[0, 0, 0] = -1.0
    assert np.isfinite(to_variables(GAS, PROBLEM, jnp.asarray(u))).all()


def test_deviations_are_those_of_the_data():
    u = fields()
    variables = with_deviations(GAS, PROBLEM, u)
    assert variables[0].std == pytest.approx(np.log(u[..., 0]).std(), rel=1e-4)
    assert variables[2].std == pytest.approx(u[..., 2].std(), rel=1e-4)


def test_a_ratio_over_a_ratio_does_not_fit():
    assert check_variables(GAS, 3)
    assert check_variables((), 3)
    assert not check_variables(GAS, 2)
    assert not check_variables((GAS[1], GAS[1], GAS[2]), 3)
    assert not check_variables((Variable("square", 1.0), *GAS[1:]), 3)


def test_definitions_name_what_is_not_a_channel():
    assert variable_definitions(GAS, PROBLEM) == ["a = ln rho", "b = p/rho"]
    assert [variable_name(GAS, PROBLEM, number) for number in range(3)] == ["a", "b", "v"]
    assert variable_definitions((), PROBLEM) == []


def test_an_equation_in_variables_is_saved_and_read():
    equation = IdentifiedEquation(
        "constant",
        (Term(0, (Factor(2, (1,)),), explicit=True), Term(1, (Factor(1, (2,)),))),
        ((-1.0,), (0.5,)),
        4,
        0.01,
        (0.1, 0.1, 0.1),
        0.1,
        variables=GAS,
        conserved_products=((0, 2),),
    )
    saved = json.loads(json.dumps(dataclasses.asdict(equation)))
    assert from_dict(IdentifiedEquation, saved, "equation") == equation
    equation.check(PROBLEM)
    with pytest.raises(ValueError, match="do not fit"):
        dataclasses.replace(equation, variables=GAS[:2]).check(PROBLEM)
    with pytest.raises(ValueError, match="do not fit"):
        dataclasses.replace(equation, conserved_products=((0, 3),)).check(PROBLEM)
