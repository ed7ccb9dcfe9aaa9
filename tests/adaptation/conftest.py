import pytest
from adaptation_cases import diffusion_surrogate


@pytest.fixture(scope="session")
def original():
    """A small surrogate of diffusion with the equation of its training data."""
    return diffusion_surrogate()
