"""Random fields that do not depend on which tests ran before."""

import numpy as np
import pytest
import solver_checks


@pytest.fixture(autouse=True)
def fresh_random_numbers(monkeypatch):
    monkeypatch.setattr(solver_checks, "RANDOM", np.random.default_rng(0))
