"""All data of a run are checked before the first update."""

import warnings

import numpy as np
import pytest
from small_files import cell_centres, scalar_field, write_scalar
from small_trainings import CONFIG, MODEL

import cape
from cape import experiment
from cape.data import DataConfig, prepare
from cape.experiment import Experiment, run, train
from cape.training.config import TrainingConfig

STARTS = 10


def write(folder, bad=(), x=None):
    """Write files of beta 0.5, 1 and 2; `bad` are (beta, sample) with NaN in the last frame."""
    folder.mkdir(exist_ok=True)
    for beta in (0.5, 1.0, 2.0):
        u = scalar_field(STARTS, 5, 16) / 1000
        for sample in (sample for value, sample in bad if value == beta):
            u[sample, -1, 3] = np.nan
        write_scalar(folder / f"1D_Advection_Sols_beta{beta}.hdf5", u, x=x)
    return folder


def data_of(folder, **changes):
    return DataConfig(files=(str(folder),), held_out=("beta=1",), validation=0.2, test=0.3, **changes)


@pytest.fixture
def conditions(tmp_path):
    """The initial conditions of each part of the split."""
    parts = prepare(data_of(write(tmp_path / "good")))
    return {name: np.unique(part.initial_conditions).tolist() for name, part in vars(parts).items()}


@pytest.fixture
def no_training(monkeypatch):
    def fit(*_, **__):
        raise AssertionError("the training has started")

    monkeypatch.setattr(experiment, "fit", fit)


@pytest.mark.parametrize("storage", ["device", "stream"])
@pytest.mark.parametrize("part", ["training", "validation", "test"])
def test_nan_in_any_part_is_refused_before_the_training(part, storage, tmp_path, conditions, no_training):
    value, samples = (1.0 if part == "test" else 2.0), conditions[part][:2]
    folder = write(tmp_path / "bad", [(value, sample) for sample in samples])
    settings = Experiment(data_of(folder), MODEL, TrainingConfig(batch=4, storage=storage))
    message = (
        rf"beta{value}.hdf5: {len(samples)} sample\(s\) with NaN or infinity .*data.drop_nonfinite = true"
    )
    with pytest.raises(ValueError, match=message):
        run(settings, tmp_path / "run", progress=False, figures=False)
    assert not (tmp_path / "run").exists()


def test_the_error_names_the_samples_of_all_parts(tmp_path, conditions, no_training):
    bad = [(2.0, conditions["training"][0]), (2.0, conditions["test"][0]), (1.0, conditions["test"][1])]
    settings = Experiment(data_of(write(tmp_path / "bad", bad)), MODEL, TrainingConfig(batch=4))
    with pytest.raises(ValueError, match=r"beta2.0.hdf5: 2 sample\(s\).*beta1.0.hdf5: 1 sample\(s\)"):
        train(settings, prepare(settings.data), progress=False)


def test_samples_are_left_out_on_request_with_one_warning(tmp_path, conditions):
    bad = [(2.0, conditions["training"][0]), (2.0, conditions["test"][0]), (1.0, conditions["test"][0])]
    folder = write(tmp_path / "bad", bad)
    with pytest.warns(
        UserWarning, match="NaN or infinity: 2 of .*beta2.0.hdf5, 1 of .*beta1.0.hdf5"
    ) as found:
        parts = prepare(data_of(folder, drop_nonfinite=True))
    assert len(found) == 1
    whole = prepare(data_of(folder))
    assert [getattr(whole, name).samples - part.samples for name, part in vars(parts).items()] == [1, 0, 2]
    assert all(np.isfinite(part.read()).all() for part in vars(parts).values())


def test_nothing_is_said_if_nothing_is_left_out(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(data_of(write(tmp_path / "good"), drop_nonfinite=True))


def test_a_part_of_which_nothing_would_be_left_is_an_error(tmp_path, conditions):
    bad = [(value, sample) for value in (0.5, 2.0) for sample in conditions["validation"]]
    with pytest.raises(ValueError, match="all 4 samples for validation hold NaN or infinity"):
        prepare(data_of(write(tmp_path / "bad", bad), drop_nonfinite=True))


def test_a_stretched_axis_is_refused(tmp_path, no_training):
    folder = write(tmp_path / "stretched", x=cell_centres(16) ** 1.5)
    message = r"beta0.5.hdf5 \(\+1\): axis x is not uniform \(spacing from .*interpolate the fields"
    with pytest.raises(ValueError, match=message):
        train(Experiment(data_of(folder), MODEL), prepare(data_of(folder)), progress=False)


def test_the_api_checks_as_well(tmp_path, conditions, no_training):
    options = {"held_out": {"beta": 1.0}, "model": MODEL, "training": CONFIG, "progress": False}
    stretched = cape.open(write(tmp_path / "stretched", x=cell_centres(16) ** 1.5))
    with pytest.raises(ValueError, match="axis x is not uniform"):
        cape.train(stretched, **options)
    bad = cape.open(write(tmp_path / "bad", [(1.0, sample) for sample in conditions["test"]]))
    fractions = {"validation": 0.2, "test": 0.3}
    with pytest.raises(ValueError, match=r"beta1.0.hdf5: 3 sample\(s\) with NaN"):
        cape.train(bad, **options, **fractions)
    with pytest.raises(AssertionError, match="has started"), pytest.warns(UserWarning, match="left out"):
        cape.train(bad, **options, **fractions, drop_nonfinite=True)
