"""Experiments: the model that is built for data, its warnings and refusals, and its description."""

import dataclasses
import warnings

import numpy as np
import pytest
from small_data import advection
from small_files import scalar_field, write_scalar

from cape.data import DataConfig, SimulationConfig, prepare
from cape.datasets.fields import whole
from cape.datasets.stores import MemoryStore
from cape.experiment import Experiment, describe
from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.paper.fno import PaperFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.unet import UNetConfig
from cape.training.build import build
from cape.training.config import TrainingConfig
from cape.training.position_dependence import depends_on_position

FEW = TrainingConfig(batch=2)


def small(conditioning=None, base=None) -> ModelConfig:
    base = base or FNOConfig(width=4, modes=3, layers=1, projection=4)
    return ModelConfig(base, conditioning or FiLMConfig(width=4))


@pytest.mark.parametrize("conditioning", [FiLMConfig(), CAPEConfig()])
def test_a_constant_parameter_is_refused_if_the_model_is_conditioned(conditioning):
    with pytest.raises(
        ValueError, match=r"no parameter varies in the training data \(beta\).*'unconditioned'"
    ):
        build(Experiment(model=small(conditioning), training=FEW), advection(1.0))


def test_a_constant_parameter_is_accepted_by_an_unconditioned_model():
    surrogate = build(Experiment(model=small(UnconditionedConfig()), training=FEW), advection(1.0))
    assert surrogate.problem.low == surrogate.problem.high == (1.0,)


def test_a_model_that_does_not_fit_the_grid_is_refused_before_training():
    with pytest.raises(ValueError, match=r"grid divisible by 2\^levels = 32 along each axis, got \(16,\)"):
        build(
            Experiment(model=small(base=UNetConfig(features=4, levels=5)), training=FEW),
            advection([1.0, 2.0, 3.0, 4.0]),
        )


def test_a_batch_of_more_trajectories_than_there_are_is_refused():
    experiment = Experiment(model=small(), training=TrainingConfig(batch=5))
    with pytest.raises(
        ValueError, match=r"training\.batch: expected at most the 4 trajectories to train on, got 5"
    ):
        build(experiment, advection([1.0, 2.0, 3.0, 4.0]))


@pytest.mark.parametrize("boundary", ["periodic", "wall"])
def test_a_force_that_depends_on_the_position_gives_a_warning(boundary):
    u = np.random.default_rng(1).normal(size=(20, 1, 16, 1)) * np.ones((1, 3, 1, 1))
    force = np.arange(3)[:, None, None] * np.cos(2 * np.pi * np.arange(16) / 16)[:, None]
    moving = dataclasses.replace(advection(np.arange(20) + 1.0, 20), boundaries=(boundary,))
    fields = (whole(MemoryStore(u.astype(np.float32))) for u in (u, u + force))
    alike, forced = (dataclasses.replace(moving, fields=one) for one in fields)
    assert depends_on_position(forced) == (boundary == "periodic") and not depends_on_position(alike)
    rest = (
        np.array([1.0, 0.5, 1e-9])[:, None, None] * u + 1e-8 * force
    )  # decays to a field that all samples share
    decayed = dataclasses.replace(moving, fields=whole(MemoryStore(rest.astype(np.float32))))
    assert not depends_on_position(decayed)
    if boundary == "periodic":
        experiment = Experiment(model=small(), training=TrainingConfig(batch=4))
        with pytest.warns(UserWarning, match="model.position_channels = true"):
            build(experiment, forced)
        shown = dataclasses.replace(experiment, model=dataclasses.replace(small(), position_channels=True))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            build(shown, forced)
            build(experiment, alike)


def test_modes_that_the_grid_does_not_have_give_a_warning():
    with pytest.warns(UserWarning, match=r"modes = 10: a grid of 16 points has 9 modes"):
        build(
            Experiment(model=small(base=PaperFNOConfig(width=4, modes=10)), training=FEW),
            advection([1.0, 2.0, 3.0, 4.0]),
        )


def test_nan_in_training_data_is_refused_with_its_file(tmp_path):
    u = scalar_field(10, 9, 16)
    bad = u.copy()
    bad[:, 3, 2] = np.nan
    files = [tmp_path / f"1D_Advection_Sols_beta{beta}.hdf5" for beta in (0.5, 1.0, 2.0)]
    for file, field in zip(files, (u, u, bad), strict=True):
        write_scalar(file, field)
    training = prepare(DataConfig(files=tuple(map(str, files)))).training
    with pytest.raises(ValueError, match=r"beta2\.0\.hdf5: \d sample\(s\) with NaN or infinity"):
        build(Experiment(model=small()), training)


def test_the_description_names_what_is_trained_on_and_what_is_not(tmp_path):
    simulation = SimulationConfig(
        "advection", ("beta=0.5,1.0,2.0",), samples=10, resolution=16, frames=5, t_end=0.4
    )
    config = DataConfig(simulation=simulation, folder=str(tmp_path), held_out=("beta=1",))
    experiment = Experiment(config, small())
    parts = prepare(config, progress=False)
    text = describe(build(experiment, parts.training), parts)
    assert "advection: u on 16 points, 4 steps of 0.1" in text
    assert "16 trajectories, beta 0.5, 2\n" in text
    assert "beta 0.5, 1, 2\n" in text
    assert "film around fno: " in text
