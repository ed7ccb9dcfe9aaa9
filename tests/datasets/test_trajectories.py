"""Lazy trajectories: what is selected is what is read, and nothing else is read."""

import h5py
import numpy as np
import pytest
from small_files import scalar_field, write_compressible, write_scalar

from cape.datasets import arrays, fields
from cape.datasets.concatenation import concatenate
from cape.datasets.readers.pdebench_compressible import open_compressible
from cape.datasets.readers.pdebench_scalar import open_scalar

rng = np.random.default_rng(0)


def in_memory(u=None, **changes):
    u = scalar_field()[..., None] if u is None else u
    given = dict(
        parameters=np.full((u.shape[0], 1), 0.1),
        parameter_names=["Nu"],
        channel_names=["u"],
        coordinates=[(np.arange(u.shape[2]) + 0.5) / u.shape[2]],
        times=0.25 * np.arange(u.shape[1]),
        boundaries=["periodic"],
    )
    return arrays.in_memory(u, **(given | changes))


@pytest.fixture
def burgers(tmp_path):
    """Two files of 6 samples, at Nu 0.01 and 0.1, the second 1000 above the first."""
    paths = [tmp_path / "1D_Burgers_Sols_Nu0.01.hdf5", tmp_path / "1D_Burgers_Sols_Nu0.1.hdf5"]
    write_scalar(paths[0], Nu=0.01)
    write_scalar(paths[1], 1000 + scalar_field(), Nu=0.1)
    return concatenate([open_scalar(p) for p in paths])


def test_samples_of_all_files_follow_one_another(burgers):
    u = burgers.read()
    assert u.dtype == np.float32 and u.shape == (12, 5, 8, 1)
    np.testing.assert_array_equal(u[:6, ..., 0], scalar_field())
    np.testing.assert_array_equal(u[6:, ..., 0], 1000 + scalar_field())
    np.testing.assert_array_equal(burgers.parameters[:, 0], [0.01] * 6 + [0.1] * 6)
    np.testing.assert_array_equal(burgers.initial_conditions, [*range(6), *range(6)])


def test_samples_come_in_the_order_asked_for_with_repeats(burgers):
    samples = [11, 0, 7, 7, 3, 0]
    np.testing.assert_array_equal(burgers.read(samples), burgers.read()[samples])


def test_views_commute_with_reading(burgers):
    u = burgers.read()
    view = burgers.subsample(space=2, time=2).select([8, 1]).first_frames(2)
    np.testing.assert_array_equal(view.read(), u[[8, 1], :4:2, ::2])
    np.testing.assert_array_equal(view.times, [0, 0.5])
    np.testing.assert_allclose(view.coordinates[0], (np.arange(0, 8, 2) + 0.5) / 8)
    assert (view.samples, view.frames, view.resolution, view.dimension) == (2, 2, (4,), 1)
    twice = burgers.subsample(space=2).subsample(space=2, time=2).first_frames(3).subsample(time=2)
    np.testing.assert_array_equal(twice.read(), u[:, ::4, ::4])


def test_parts_of_different_sub_sampling_go_together(tmp_path):
    fine = write_scalar(tmp_path / "fine.hdf5", scalar_field(points=16), Nu=0.1)
    first = open_scalar(fine).subsample(space=2)
    other = in_memory(coordinates=[first.coordinates[0]], equation="burgers")
    both = concatenate([first, other])
    np.testing.assert_array_equal(both.read()[:6, ..., 0], scalar_field(points=16)[..., ::2])
    np.testing.assert_array_equal(both.read()[6:, ..., 0], scalar_field())


def test_time_step_and_lengths(burgers):
    assert burgers.dt == 0.25
    assert burgers.subsample(time=2).dt == 0.5
    assert burgers.lengths == pytest.approx((1.0,))
    assert burgers.subsample(space=4).lengths == pytest.approx((1.0,))


def test_three_dimensions_by_the_same_path(tmp_path):
    path = write_compressible(tmp_path / "3D_CFD_Rand_M0.1_Eta0.01_Zeta0.02_periodic_Train.hdf5", 3, points=4)
    t = open_compressible(path)
    u = t.read()
    assert u.shape == (3, 4, 4, 4, 4, 5)
    np.testing.assert_allclose(u[2, 3, 1, 2, 3, 4], 4000 + 200 + 30 + 1 + 0.2 + 0.03)
    np.testing.assert_array_equal(t.subsample(2, 3).read([1]), u[1:2, ::3, ::2, ::2, ::2])


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">f8", "<i4"])
def test_stored_types_become_native_float32(tmp_path, dtype):
    t = open_scalar(write_scalar(tmp_path / "f.hdf5", scalar_field().astype(dtype), Nu=1.0))
    assert t.read().dtype == np.dtype("=f4")
    np.testing.assert_array_equal(t.read()[..., 0], scalar_field().astype(dtype).astype(np.float32))


def test_random_selections_agree_with_numpy_for_any_block_size(tmp_path, monkeypatch):
    u = rng.normal(size=(50, 3, 4)).astype(np.float32)
    t = open_scalar(write_scalar(tmp_path / "f.hdf5", u, Nu=1.0))
    for size in (1, 8 * 12 * 7, 2**20):
        monkeypatch.setattr(fields, "BLOCK_BYTES", size)
        for n in (1, 7, 30):
            samples = rng.integers(0, 50, n)
            np.testing.assert_array_equal(t.read(samples)[..., 0], u[samples])


def test_opening_reads_no_field_and_reading_only_what_is_asked(tmp_path, monkeypatch):
    read = []
    original = h5py.Dataset.__getitem__

    def recording(self, selection, *args):
        values = original(self, selection, *args)
        if self.name == "/tensor":
            read.append(values.shape)
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", recording)
    t = open_scalar(write_scalar(tmp_path / "f.hdf5", scalar_field(samples=40), Nu=1.0))
    t = t.subsample(2, 2).first_frames(2).where(Nu=1.0)
    assert read == []
    t.read([3, 4, 30])
    assert read == [(2, 3, 8), (1, 3, 8)]  # two contiguous blocks, frames up to the last one needed


def test_where(burgers):
    np.testing.assert_array_equal(burgers.where(Nu=0.1).read(), burgers.read()[6:])
    assert burgers.where(Nu=[0.1, 0.01]).samples == 12
    with pytest.raises(ValueError, match=r"no parameter 'beta', expected one of \('Nu',\)"):
        burgers.where(beta=1.0)
    with pytest.raises(ValueError, match=r"no sample with Nu = 0.2, found 0.01, 0.1"):
        burgers.where(Nu=[0.1, 0.2])


def test_select_takes_masks_and_refuses_what_is_not_there(burgers):
    np.testing.assert_array_equal(burgers.select(np.arange(12) > 9).read(), burgers.read()[10:])
    assert burgers.select([]).samples == 0 and burgers.select([]).read().shape == (0, 5, 8, 1)
    with pytest.raises(ValueError, match="samples 0 to 12 asked for, expected numbers from 0 to 11"):
        burgers.select([0, 12])
    with pytest.raises(ValueError, match="expected samples as integers"):
        burgers.select([0.5])


def test_views_refuse_what_does_not_fit(burgers):
    with pytest.raises(ValueError, match="8 points of a periodic axis cannot be sub-sampled by 3"):
        burgers.subsample(space=3)
    with pytest.raises(ValueError, match="sub-sampling by 1 or more"):
        burgers.subsample(time=0)
    with pytest.raises(ValueError, match="6 frames asked for, there are 5"):
        burgers.first_frames(6)
    assert in_memory(boundaries=["outgoing"]).subsample(space=3).resolution == (3,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_samples_are_refused_and_dropped_on_request(tmp_path, value):
    u = scalar_field()
    u[2, 4, 1] = u[5, 0, 0] = value
    t = open_scalar(write_scalar(tmp_path / "bad.hdf5", u, Nu=1.0))
    with pytest.raises(
        ValueError, match=r"bad.hdf5: 2 sample\(s\) with NaN or infinity \(number 2, 5\).*drop_non"
    ):
        t.read()
    np.testing.assert_array_equal(t.read([0, 1])[..., 0], u[:2])
    kept = t.drop_nonfinite()
    np.testing.assert_array_equal(kept.read()[..., 0], u[[0, 1, 3, 4]])
    np.testing.assert_array_equal(kept.initial_conditions, [0, 1, 3, 4])
    assert t.first_frames(2).drop_nonfinite().samples == 5  # only what is seen counts


def test_float64_too_large_for_float32_counts_as_infinite(tmp_path):
    u = scalar_field(dtype=np.float64)
    u[1, 1, 1] = 1e300
    t = open_scalar(write_scalar(tmp_path / "large.hdf5", u, Nu=1.0))
    with pytest.raises(ValueError, match="1 sample"):
        t.read()


@pytest.mark.parametrize(
    ("what", "u", "changes"),
    [
        ("resolution", np.zeros((6, 5, 4, 1)), {}),
        (
            "resolution",
            np.zeros((6, 5, 8, 8, 1)),
            dict(coordinates=[np.arange(8) / 8] * 2, boundaries=["wall"] * 2),
        ),
        ("channel names", None, dict(channel_names=["v"])),
        ("parameter names", None, dict(parameter_names=["beta"])),
        ("boundaries", None, dict(boundaries=["outgoing"])),
        ("equation", None, dict(equation="burgers")),
        ("frames", np.zeros((6, 4, 8, 1)), {}),
        ("times", None, dict(times=np.arange(5.0))),
        ("coordinates", None, dict(coordinates=[(np.arange(8) + 0.5) / 4])),
    ],
)
def test_what_differs_does_not_go_together(tmp_path, what, u, changes):
    path = write_scalar(tmp_path / "one.hdf5", Nu=1.0, equation="unknown")
    with pytest.raises(
        ValueError, match=rf"^{what}: .*one.hdf5.*arrays in memory.*expected files given together"
    ):
        concatenate([open_scalar(path), in_memory(u, **changes)])


def test_in_memory_refuses_shapes_that_do_not_belong_together():
    with pytest.raises(ValueError, match=r"expected parameters of shape \[6, 1\]"):
        in_memory(parameters=np.zeros((6, 2)))
    with pytest.raises(ValueError, match=r"expected times of shape \[5\]"):
        in_memory(times=np.arange(6))
    with pytest.raises(ValueError, match=r"expected u as \[sample, time, \*space, channel\]"):
        in_memory(np.zeros((6, 5, 8)))
    with pytest.raises(ValueError, match="boundary 'open', expected one of"):
        in_memory(boundaries=["open"])
    with pytest.raises(ValueError, match="hold NaN"):
        in_memory(parameters=np.full((6, 1), np.nan))


def test_time_step_needs_uniform_times():
    with pytest.raises(ValueError, match="times are not uniform"):
        _ = in_memory(times=[0, 1, 2, 3, 5]).dt
    with pytest.raises(ValueError, match="one frame only"):
        _ = in_memory().first_frames(1).dt


def test_nothing_to_concatenate():
    with pytest.raises(ValueError, match="at least one"):
        concatenate([])


def test_axes_may_have_different_lengths():
    u = np.arange(2 * 3 * 4 * 6 * 2.0).reshape(2, 3, 4, 6, 2)
    t = arrays.in_memory(
        u,
        np.ones((2, 1)),
        ["eta"],
        channel_names=["density", "Vx"],
        coordinates=[(np.arange(4) + 0.5) / 2, (np.arange(6) + 0.5) / 6],
        times=[0.0, 0.1, 0.2],
        boundaries=["outgoing", "periodic"],
    )
    assert t.resolution == (4, 6) and t.lengths == pytest.approx((2.0, 1.0))
    np.testing.assert_array_equal(t.subsample(space=2).read(), u[:, :, ::2, ::2])
