"""Symmetries of whole models: periodic models commute with shifts, and a model is one function on every grid."""

import jax.numpy as jnp
import numpy as np
import pytest
from unit_box import SMALL, P, build, predict, problem_of, waves

from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.unet import UNetConfig


@pytest.mark.parametrize(
    ("base", "points", "shift"),
    [
        (SMALL, (16,), (5,)),
        (SMALL, (15,), (4,)),
        (SMALL, (8, 12), (3, -5)),
        *(
            pytest.param(*case, marks=pytest.mark.thorough)
            for case in [
                (UNetConfig(features=4, levels=2), (16,), (4,)),
                (UNetConfig(features=4, levels=2), (8, 12), (4, -8)),
                (FactorisedFNOConfig(width=4, modes=3, layers=1, projection=4, kernel=3), (8, 12), (3, -5)),
                (ConvNextUNetConfig(features=4, levels=1, kernel=3), (16,), (2,)),
                (MessagePassingConfig(width=4, layers=1, radius=2), (15,), (4,)),
            ]
        ),
    ],
)
def test_a_periodic_model_commutes_with_shifts(base, points, shift):
    surrogate, u = build(problem_of(*points), base), waves(*points, modes=2)
    axes = tuple(range(1, 1 + len(points)))
    y = predict(surrogate, u, P)
    np.testing.assert_allclose(
        predict(surrogate, jnp.roll(u, shift, axes), P),
        jnp.roll(y, shift, axes),
        atol=2e-5 * float(abs(y).max()),
    )


def test_the_default_model_is_one_function_on_every_grid():
    base = FNOConfig(width=4, modes=3, layers=2, projection=4, kernel=0)
    surrogate = build(problem_of(64), base)
    coarse, fine = (predict(surrogate, waves(n), P) for n in (64, 128))
    # gelu makes harmonics that 64 points fold back: small for smooth fields, not zero
    np.testing.assert_allclose(fine[:, ::2], coarse, atol=1e-3 * float(abs(coarse).max()))
