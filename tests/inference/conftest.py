"""A surrogate of Burgers' equation for the tests of inference."""

import pytest
from small_surrogates import problem_of, surrogate_of

from cape.pretrained import save


@pytest.fixture(scope="module")
def burgers(tmp_path_factory) -> str:
    """Folder of an untrained surrogate of Burgers' equation."""
    folder = tmp_path_factory.mktemp("burgers") / "model"
    save(surrogate_of(problem_of("burgers")), folder)
    return str(folder)
