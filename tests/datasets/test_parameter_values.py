"""Values of parameters: lists and ranges, as text and drawn."""

import numpy as np
import pytest

from cape.datasets.simulate.parameters import LogUniform, Uniform, Values, parse

SEED = 7


def test_parameter_values_are_read_from_text():
    assert parse("0.01, 0.1") == Values((0.01, 0.1))
    assert parse("loguniform:1e-3:1") == LogUniform(1e-3, 1.0)
    assert parse("uniform:0.1:4") == Uniform(0.1, 4.0)


@pytest.mark.parametrize(
    "text", ["", "a", "1,,2", "1,1", "nan", "inf", "normal:0:1", "uniform:1", "uniform:2:1", "loguniform:0:1"]
)
def test_unreadable_parameter_values_are_refused(text):
    with pytest.raises(ValueError, match="cannot read the parameter values"):
        parse(text)


def test_log_uniform_values_spread_evenly_over_the_decades():
    values = LogUniform(1e-3, 1.0).draw(SEED, "Nu", 3000)
    counts, _ = np.histogram(np.log10(values), bins=[-3, -2, -1, 0])
    assert counts.sum() == 3000 and counts.min() > 900
    np.testing.assert_array_equal(values[:5], LogUniform(1e-3, 1.0).draw(SEED, "Nu", 5))
    assert not np.allclose(values[:5], LogUniform(1e-3, 1.0).draw(SEED, "rho", 5))
