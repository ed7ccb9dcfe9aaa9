"""Animations: the right number of frames, small, written atomically; scales that show the fields."""

import shutil
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from PIL import Image  # noqa: E402

from cape.figures import animation  # noqa: E402
from cape.figures.animation import animate  # noqa: E402
from cape.figures.field_series import (  # noqa: E402
    ERROR,
    FieldSeries,
    evenly,
    reference,
    with_error,
)
from cape.figures.scale import error_scale, field_scale  # noqa: E402

TIMES = np.linspace(0, 1, 5)


def fields(dimension, channels=1, frames=5):
    """A wave that moves along x; the channels are multiples of it."""
    x = (np.arange(10) + 0.5) / 10
    phase = x[None, :] - np.linspace(0, 1, frames)[:, None]
    wave = np.sin(2 * np.pi * phase).reshape(frames, 10, *[1] * dimension)
    return np.broadcast_to(wave, (frames, *[10] * dimension, 1)) * np.arange(1, channels + 1)


@pytest.mark.parametrize(
    ("with_truth", "dimension"),
    [
        (True, 1),
        (True, 2),
        (False, 3),
        *(pytest.param(*case, marks=pytest.mark.thorough) for case in [(False, 1), (False, 2), (True, 3)]),
    ],
)
def test_a_gif_has_every_frame_and_they_differ(dimension, with_truth, tmp_path):
    u = fields(dimension, channels=2)
    shown = {"truth": u, "prediction": 0.9 * u} if with_truth else {"prediction": u}
    series = FieldSeries(shown, TIMES, channel_names=("u", "v"), caption="Nu = 0.1")
    path = animate(series, tmp_path / "a.gif")
    with Image.open(path) as moving:
        assert moving.n_frames == 5 and moving.info["loop"] == 0
        pixels = [np.asarray(_seek(moving, i).convert("L"), np.float64) for i in range(5)]
    assert min(np.abs(a - b).mean() for a, b in zip(pixels[1:], pixels, strict=False)) > 0.1
    assert np.all(pixels[0][-1, 0] == 255)  # white paper
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]


def _seek(moving, frame):
    moving.seek(frame)
    return moving


def test_frames_and_size_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "_PIXELS", 3e5)
    noise = np.random.default_rng(0).normal(size=(90, 32, 32, 1))
    path = animate(FieldSeries({"prediction": noise}, np.arange(90.0)), tmp_path / "a.gif", most_frames=20)
    with Image.open(path) as moving:
        assert 2 <= moving.n_frames < 20
    assert path.stat().st_size < 3e5


def test_a_prediction_that_is_not_finite_is_drawn(tmp_path):
    u = fields(2)
    broken = u.copy()
    broken[3:] = np.nan
    assert animate(FieldSeries({"truth": u, "prediction": broken}, TIMES), tmp_path / "a.gif").is_file()


def test_values_far_beyond_the_scale_are_drawn_without_overflow(tmp_path):
    u = fields(2).astype(np.float32)
    huge = {"truth": -u, "prediction": np.float32(3.4e38) * u}
    assert animate(FieldSeries(huge, TIMES), tmp_path / "a.gif").is_file()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")
def test_mp4_by_ffmpeg(tmp_path):
    path = animate(FieldSeries({"prediction": fields(1)}, TIMES), tmp_path / "a.mp4")
    assert path.read_bytes()[4:8] == b"ftyp"


def test_bad_requests_are_refused_and_leave_nothing(unchecked, tmp_path, monkeypatch):
    u = fields(1)
    series = FieldSeries({"prediction": u}, TIMES)
    with pytest.raises(ValueError, match=r"\.gif or \.mp4, got the suffix '\.avi'"):
        animate(series, tmp_path / "a.avi")
    with pytest.raises(ValueError, match="one shape"):
        FieldSeries({"truth": u, "prediction": u[1:]}, TIMES)
    with pytest.raises(ValueError, match="no frames to draw"):
        FieldSeries({}, TIMES)
    with pytest.raises(ValueError, match="1 to 3 space axes, got"):
        FieldSeries({"truth": u[..., 0]}, TIMES)
    with pytest.raises(ValueError, match="a time for each frame and a name for each channel"):
        FieldSeries({"truth": u}, TIMES[1:])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="MP4 needs the program ffmpeg.*write .gif"):
        animate(series, tmp_path / "a.mp4")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="figures need matplotlib"):
        animate(series, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_scales_are_signed_or_not_and_hold_most_frames():
    u = fields(2)[..., 0]
    scale = field_scale(u)
    assert scale.colours == "RdBu_r" and scale.low == -scale.high == -np.abs(u).max()
    assert field_scale(u + 3).colours == "viridis"
    assert field_scale(u, [1.5 * u]).extend == "both"
    decaying = u * np.array([8.0, 1.0, 1.0, 1.0, 0.5])[:, None, None]
    scale = field_scale(decaying)
    assert scale.high == pytest.approx(np.abs(u).max(), rel=0.1) and scale.extend == "both"
    vanishing = u * np.array([1.0, 0.0, 0.0, 0.0, 0.0])[:, None, None]
    assert field_scale(vanishing).high == pytest.approx(0.1 * np.abs(u[0]).max(), rel=0.1)  # not round-off
    constant = field_scale(np.full((3, 4, 4), 2.0))
    assert constant.low < 2.0 < constant.high
    error = error_scale(np.array([1e9, np.nan, -1.0]), scale)
    assert error.high == scale.high - scale.low and error.extend == "max"


def test_without_a_truth_all_fields_set_the_colours():
    u = fields(2)[..., 0]
    assert field_scale(reference({"Nu = 1": u, "Nu = 2": 9 * u})).high == 9 * np.abs(u).max()
    assert reference({"truth": u, "prediction": 9 * u}) is u


def test_the_error_is_added_where_there_is_a_truth():
    u = fields(1)
    assert set(with_error({"prediction": u})) == {"prediction"}
    np.testing.assert_allclose(with_error({"truth": u, "prediction": 2 * u})[ERROR], u)


def test_evenly():
    assert evenly(5, 9) == [0, 1, 2, 3, 4]
    assert evenly(21, 4) == [0, 7, 13, 20]
    assert evenly(7, 1) == [0]
