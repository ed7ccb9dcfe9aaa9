import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from cape.data import DataConfig, SimulationConfig, prepare
from cape.identification.equation import advance, coefficients, keep_products
from cape.identification.gas import gas_forms
from cape.identification.identify import identify
from cape.identification.text import equation_text
from cape.problem import Problem

SIMULATION = SimulationConfig(
    "compressible1d", ("eta=0.01,0.02,0.03,0.05", "zeta=0.01"), samples=12, resolution=32, frames=9, t_end=0.2
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
