"""Products with physical parameters use full float32, also on devices that round factors by default."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from unit_box import problem_of

from cape.identification.equation import IdentifiedEquation, coefficients
from cape.identification.identify import identify
from cape.identification.terms import Factor, Term
from cape.model.propagator import Propagator


def products(function, *arguments):
    """Return the precision of every matrix product of a function."""
    return _of(jax.make_jaxpr(function)(*arguments).jaxpr)


def _of(jaxpr):
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            found.append(equation.params["precision"])
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")):
            if hasattr(inner, "jaxpr") or hasattr(inner, "eqns"):
                found += _of(getattr(inner, "jaxpr", inner))
    return found


def assert_full(precisions):
    assert precisions
    assert all(precision == (jax.lax.Precision.HIGHEST,) * 2 for precision in precisions)


@pytest.mark.parametrize("points", [(32,), (16, 24)])
def test_propagators(points):
    problem = problem_of(*points)
    propagator = Propagator(problem, heads=2, max_displacement=1.0, rngs=nnx.Rngs(0))
    u = jnp.ones((2, *points, len(problem.channels)), jnp.float32)
    p = jnp.ones((2, len(problem.parameters)), jnp.float32)
    assert_full(products(propagator.rates, p))
    assert_full(products(lambda u, p: propagator(u, propagator.rates(p)), u, p))


def test_coefficients_of_an_equation():
    problem = problem_of(32)
    term = Term(0, (Factor(0, (2,)),))
    equation = IdentifiedEquation.of("linear", [term], np.ones((1, 1 + len(problem.parameters))), 1, 0.0)
    p = jnp.ones((2, len(problem.parameters)), jnp.float32)
    assert_full(products(lambda p: coefficients(equation, problem, p), p))


def test_identification(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "cape.identification.identify.read_samples",
        lambda *_: seen.append(jax.config.jax_default_matmul_precision) or 1 / 0,
    )
    with pytest.raises(ZeroDivisionError):
        identify(type("Frames", (), {"frames": 5})(), problem_of(32))
    assert seen == ["highest"]
