"""The Well: parameters, times, and initial conditions that files share."""

import numpy as np
import pytest
from well_files import gray_scott, write_the_well

from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files
from cape.datasets.readers.the_well import open_the_well
from cape.datasets.splits import InitialConditionSplit


def test_parameters_per_sample_per_file_and_as_root_attributes(tmp_path):
    scalars = {
        "nu": (np.array([1.0, 2, 3]), {"sample_varying": True, "time_varying": False}),
        "F": (np.float32(0.5), {"sample_varying": False, "time_varying": False}),
        "extra": (np.array([0.25]), {}),
    }
    path = write_the_well(tmp_path / "a.hdf5", parameters={"F": 9.0, "k": 2, "nu": 0.0}, scalars=scalars)
    t = open_the_well(path)
    assert t.parameter_names == ("F", "k", "nu", "extra")
    np.testing.assert_array_equal(t.parameters, [[0.5, 2, 1, 0.25], [0.5, 2, 2, 0.25], [0.5, 2, 3, 0.25]])


def test_parameters_that_vary_in_time_are_refused_and_other_scalars_are_left_out(tmp_path):
    moving = (np.arange(4.0), {"sample_varying": False, "time_varying": True})
    with pytest.raises(
        ValueError, match=r"a.hdf5: parameter 'scalars/F' \[4\] varies in time, expected one value"
    ):
        open_the_well(write_the_well(tmp_path / "a.hdf5", parameters={"F": 1.0}, scalars={"F": moving}))
    path = write_the_well(
        tmp_path / "b.hdf5", parameters={"F": 1.0, "style": "dots"}, scalars={"load": moving}
    )
    assert open_the_well(path).parameter_names == ("F",)
    assert "not parameters, as they are not one number per sample: load, style" in inspect(path)


def test_a_parameter_of_another_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"parameter 'F' has shape \[5\], expected \[\] or \[3\]"):
        open_the_well(write_the_well(tmp_path / "a.hdf5", parameters={"F": np.ones(5)}))


def test_a_file_without_parameters_opens_and_says_so(tmp_path):
    path = write_the_well(tmp_path / "a.hdf5")
    assert open_the_well(path).parameters.shape == (3, 0)
    assert "no parameter: nothing for a conditioned model" in inspect(path)


def test_times_per_file_or_per_sample(tmp_path):
    times = np.arange(4.0) / 2
    for name, given, expected in (
        ("a", times, times),
        ("b", np.tile(3 + times, (3, 1)), 3 + times),
        (
            "c",
            times + np.array([[0], [5], [7]]),
            times,
        ),  # other starts, equal steps: counted from the first frame
    ):
        t = open_the_well(write_the_well(tmp_path / f"{name}.hdf5", times=given))
        np.testing.assert_allclose(t.times, expected)


def test_one_frame_is_described(tmp_path):
    assert "one frame only" in inspect(write_the_well(tmp_path / "a.hdf5", frames=1))


def starts(path):
    return set(open_files(path).initial_conditions.tolist())


def test_samples_of_one_number_start_alike_whatever_the_parameters(tmp_path):
    bubbles = gray_scott(tmp_path)
    gliders = gray_scott(tmp_path, "gliders", parameters={"F": 0.014, "k": 0.054}, samples=5)
    assert len(starts(bubbles)) == 3 and starts(bubbles) < starts(gliders)
    folder = open_files(tmp_path / "data" / "train")
    assert folder.samples == 8 and len(np.unique(folder.parameters, axis=0)) == 2
    train, validation, test = InitialConditionSplit(0.2, 0.2).split(folder)
    assert not set(train.initial_conditions) & set(test.initial_conditions)
    assert open_files([gliders, bubbles]).read([6]).shape == (1, 4, 6, 8, 1)
    together = " ".join(inspect([gliders, bubbles]).split("All together")[1].split())
    assert "samples 8, of 5 initial conditions" in together


def test_splits_chunks_and_data_sets_never_start_alike(tmp_path):
    paths = [gray_scott(tmp_path, split=split) for split in ("train", "valid", "test")]
    paths += [write_the_well(tmp_path / "data" / "train" / f"maze_chunk_{i}.hdf5") for i in range(3)]
    paths += [gray_scott(tmp_path, dataset_name="another", name="other")]
    assert len(set().union(*(starts(p) for p in paths))) == 3 * len(paths)


def test_numbers_of_initial_conditions_do_not_depend_on_the_place_of_the_data(tmp_path, monkeypatch):
    one, two = gray_scott(tmp_path / "one"), gray_scott(tmp_path / "two")
    assert starts(one) == starts(two)
    monkeypatch.chdir(one.parent)
    assert starts(one.name) == starts(one)
    assert max(starts(one)) < 2**53  # exact in JSON and as float64
