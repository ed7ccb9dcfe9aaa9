"""The figure of bands, and the bands of the examples of an evaluation."""

import dataclasses

import numpy as np
import pytest

import cape
from cape.evaluation.evaluation import Example
from cape.figures.band_panels import band_panels
from cape.figures.evaluation_figures import evaluation_figures
from cape.locate import locate

pytest.importorskip("matplotlib")


def example(*space: int) -> Example:
    u = np.random.default_rng(0).normal(size=(6, *space, 2)).astype(np.float32)
    axes = tuple((np.arange(n) + 0.5) / n for n in space)
    width = np.full((6, 2), 0.3)
    width[0] = 0
    return Example({"p": 1.0}, "seen", u, u + 0.1, np.arange(6.0), axes, ("a", "b"), 1, width, 0.8)


@pytest.mark.parametrize("space", [(16,), (8, 6)])
def test_the_panels_show_field_error_and_course(space):
    figure = band_panels([example(*space)] * 2, channel=1)
    field, error, course = figure.axes[:3]
    assert [line.get_label() for line in field.lines] == ["truth", "prediction"]
    np.testing.assert_allclose(error.lines[0].get_ydata(), 0.1, atol=1e-6)
    (_, low), (_, high) = error.patches[0].get_extents().get_points()
    low, high = error.transData.inverted().transform([(0, low), (0, high)])[:, 1]
    np.testing.assert_allclose([low, high], [-0.3, 0.3], atol=1e-6)
    np.testing.assert_allclose(course.lines[0].get_ydata(), 0.1, atol=1e-6)
    assert len(course.lines[0].get_xdata()) == 5  # without the given frame
    assert "80%" in course.get_title()


def test_examples_without_bands_are_an_error():
    with pytest.raises(ValueError, match="band panels need examples with bands"):
        band_panels([dataclasses.replace(example(16), half_width=None)])


@pytest.mark.thorough
def test_an_evaluation_of_a_calibrated_surrogate_has_bands():
    surrogate = cape.load("burgers1d")
    data = cape.open(locate("burgers1d") / "sample.hdf5")
    found = cape.evaluate(surrogate, data, all_samples=True).evaluation
    for each in found.examples:
        assert each.half_width.shape == (len(each.times), 1)
        assert (each.half_width[0] == 0).all() and (each.half_width[1:] > 0).all()
    inside = [np.abs(e.prediction - e.truth)[1:] <= e.half_width[1:, None] for e in found.examples]
    assert np.mean(inside) > 0.7
    assert "bands" in dict(evaluation_figures(found))
    surrogate.uncertainty = None
    plain = cape.evaluate(surrogate, data, all_samples=True).evaluation
    assert all(each.half_width is None for each in plain.examples)
    assert "bands" not in dict(evaluation_figures(plain))
