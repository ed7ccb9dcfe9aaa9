"""The published forms against arrays that this package computed itself (see make_reference.py)."""

from pathlib import Path

import numpy as np
import pytest
from differences import difference
from published_cases import CASES, outputs

QUICK = ("cape-fno-1d", "cape-unet-1d", "fno-1d with channels")
TOLERANCE = 1e-5  # max|a - b| / max|b|, float32 against float32


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.thorough if name not in QUICK else ()) for name in CASES],
)
def test_a_published_form_gives_the_outputs_it_gave_when_it_equalled_the_published_one(name):
    with np.load(Path(__file__).with_name("reference.npz")) as reference:
        expected = {key.partition("/")[2]: reference[key] for key in reference if key.startswith(f"{name}/")}
    found = outputs(name)
    assert found.keys() == expected.keys()
    for key, array in found.items():
        assert difference(array, expected[key]) < TOLERANCE, key
