"""Figures of a file of predictions."""

import numpy as np
import pytest
from PIL import Image

from cape.datasets.arrays import in_memory
from cape.datasets.simulate.writer import write
from cape.figures import prediction_figures


@pytest.mark.parametrize("points", [pytest.param((8, 8), marks=pytest.mark.thorough), (6, 6, 6)])
def test_figures_in_two_and_three_dimensions(points, tmp_path):
    layout = {"coordinates": [np.arange(n) / n for n in points], "times": 0.1 * np.arange(5)}
    layout |= {"parameters": np.array([[0.1, 1.0], [0.1, 1.0], [0.1, 2.0], [0.1, 2.0]])}
    layout |= {"parameter_names": ("a", "b"), "channel_names": ("h", "w")}
    u = np.random.default_rng(0).normal(size=(4, 5, *points, 2))
    attributes = {"equation": "own", "boundary": "periodic"}
    file = write(
        tmp_path / "p.hdf5", u, initial_conditions=np.array([3, 4, 3, 4]), attributes=attributes, **layout
    )
    with Image.open(prediction_figures.draw_prediction(file, tmp_path / "p.png")) as image:
        assert image.width > 500


def test_titles_tell_what_differs_and_the_caption_what_does_not():
    u = np.zeros((3, 2, 8, 1))
    data = {"channel_names": ("u",), "coordinates": (np.arange(8.0),), "times": (0.0, 1.0)}
    data |= {"boundaries": ("periodic",)}
    several = in_memory(u, [[0.1, 1], [0.1, 2], [0.1, 3]], ("a", "b"), **data)
    assert prediction_figures._titles(several) == (["b = 1", "b = 2", "b = 3"], "prediction   a = 0.1")
    assert prediction_figures._titles(several.select([1])) == (["prediction"], "a = 0.1, b = 2")
    assert prediction_figures._titles(several.select([1, 1]))[0] == ["(1)", "(2)"]
