import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_surrogates import SMALL, problem_of

from cape.data import DataConfig, SimulationConfig, prepare
from cape.identification.equation import IdentifiedEquation, advance, coefficients, keep_products
from cape.identification.gas import gas_forms, scaled_start
from cape.identification.identify import identify
from cape.identification.terms import Factor, Term
from cape.identification.text import equation_text
from cape.identification.variables import LOG, RATIO, SAME, Variable
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.pretrained import load
from cape.problem import Problem
from cape.surrogate import Surrogate

SIMULATION = SimulationConfig(
    "compressible1d",
    ("eta=0.005,0.01,0.02,0.03,0.05", "zeta=0.01"),
    samples=12,
    resolution=32,
    frames=9,
    t_end=0.2,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("data"))
    return prepare(DataConfig(simulation=SIMULATION, folder=folder, held_out=("eta=0.03",)), progress=False)


@pytest.fixture(scope="module")
def found(data):
    problem = Problem.of(data.training)
    return identify(data.training, problem), problem


def test_density_and_pressure_may_have_either_order_and_the_velocity_is_declared(data):
    problem = Problem.of(data.training)
    assert [(form.density, form.pressure, form.vector) for form in gas_forms(problem)] == [
        (0, 1, (2,)),
        (1, 0, (2,)),
    ]
    assert gas_forms(dataclasses.replace(problem, equation="advection")) == []
    assert gas_forms(dataclasses.replace(problem, channel_low=(-1.0, 1.0, 0.0))) == []
    assert gas_forms(dataclasses.replace(problem, boundaries=("outgoing",))) == []


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_start_has_a_coefficient_for_every_group(dimension):
    problem = problem_of(f"compressible{dimension}d", points=8)
    positive = dataclasses.replace(problem, channel_low=(0.5, 0.5, *(-1.0,) * dimension))
    form = gas_forms(positive)[0]
    assert len(form.start) == len(form.groups.signs) == (19 if dimension == 1 else 29)
    start = scaled_start(form, positive, [1.0] * (2 + dimension))
    transport = [
        number for number, term in enumerate(form.groups.terms) if term.output == 0 and len(term.factors) == 2
    ][:dimension]
    rates = start @ form.groups.signs
    np.testing.assert_allclose(
        rates[transport], -16 * np.pi * positive.dt
    )  # derivatives are with respect to 16πx


@pytest.mark.slow
def test_a_gas_is_found_in_the_data_of_a_finite_volume_scheme(data, found):
    equation, problem = found
    text = equation_text(equation, problem)
    assert text.endswith("with a = ln density, b = pressure/density")
    assert equation.misfit < 0.05
    assert equation.conserved_products == ((0, 2),)
    test = data.test
    u, p = test.read(), jnp.asarray(test.parameters, jnp.float32)
    after = np.asarray(advance(equation, problem, jnp.asarray(u[:, 0]), coefficients(equation, problem, p)))
    at = np.isclose(test.parameters[:, 0], 0.03)  # held out
    error, change = (np.square(a[at] - u[at, 1]).mean((0, 1)) for a in (after, u[:, 0]))
    assert (error < 0.05 * change).all()


def test_a_shift_keeps_the_mean_of_a_product():
    random = np.random.default_rng(0)
    before, after = (jnp.asarray(random.uniform(1, 2, (3, 8, 2)), jnp.float32) for _ in range(2))
    kept = keep_products(before, after, ((0, 1),))
    np.testing.assert_allclose(
        (kept[..., 0] * kept[..., 1]).mean(1), (before[..., 0] * before[..., 1]).mean(1), rtol=1e-5
    )
    np.testing.assert_array_equal(kept[..., 0], after[..., 0])
    assert np.ptp(np.asarray(kept - after)[..., 1], axis=1).max() < 1e-6
    np.testing.assert_array_equal(keep_products(before, after, ()), after)


def sound(problem: Problem) -> IdentifiedEquation:
    """Return an equation with expansion, pressure gradient and diffusion, in the variables of a gas in 1D."""
    wave = 16 * np.pi * problem.dt / problem.length[0]
    terms = (
        Term(0, (Factor(2, (1,)),), explicit=True),
        Term(2, (Factor(1, (1,)),), explicit=True),
        Term(2, (Factor(1, (0,)), Factor(0, (1,)))),
        Term(2, (Factor(2, (2,)),)),
    )
    rows = ((-wave, 0.0, 0.0), (-wave, 0.0, 0.0), (-wave, 0.0, 0.0), (0.1, 0.2, 0.0))
    variables = (Variable(LOG, 1.0), Variable(RATIO, 1.0, over=0), Variable(SAME, 1.0))
    return IdentifiedEquation(
        "linear", terms, rows, 4, 0.01, (0.01,) * 3, 0.1, variables=variables, conserved_products=((0, 2),)
    )


def test_a_surrogate_with_variables_is_saved_and_conserves_mass_and_momentum(tmp_path):
    problem = problem_of(
        "compressible1d", dt=0.01, channel_drift=(0.0, 1.0, 1.0), channel_low=(0.5, 0.5, -1.0)
    )
    config = ModelConfig(SMALL, FiLMConfig(width=4))
    surrogate = Surrogate(problem, config, equation=sound(problem), rngs=nnx.Rngs(0))
    x = (np.arange(16) + 0.5) / 16
    wave = 0.3 * np.sin(2 * np.pi * x)
    u0 = np.stack([1 + wave, 1 + wave, 0.2 + np.roll(wave, 3)], -1)[None].astype(np.float32)
    frames = surrogate.rollout(u0, {"eta": 0.1, "zeta": 0.1}, 5)
    assert np.isfinite(frames).all()
    total = np.concatenate([u0[:, None], frames], 1)
    for conserved in (total[..., 0], total[..., 0] * total[..., 2]):
        np.testing.assert_allclose(conserved.mean(2), np.full((1, 6), conserved[:, 0].mean()), rtol=1e-4)
    assert np.ptp(total[0, :, :, 2].mean(1)) > 1e-4  # the mean of the velocity itself is free
    surrogate.save(tmp_path / "gas")
    again = load(tmp_path / "gas")
    assert again.equation == surrogate.equation
    np.testing.assert_array_equal(again.rollout(u0, {"eta": 0.1, "zeta": 0.1}, 5), frames)
