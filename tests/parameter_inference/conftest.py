"""A surrogate whose rollouts are observed."""

import pytest
from observed_trajectories import dependent_surrogate

from cape.surrogate import Surrogate


@pytest.fixture(scope="package")
def surrogate() -> Surrogate:
    return dependent_surrogate()
