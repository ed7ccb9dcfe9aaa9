"""Simulated data of an experiment: made once, found again, and complete or absent."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from small_data import values

from cape import data as preparation
from cape.data import DataConfig, SimulationConfig, prepare, simulated
from cape.datasets.opening import open_files

SMALL = SimulationConfig("advection", ("beta=0.5,1.0,2.0",), samples=10, resolution=16, frames=5, t_end=0.4)


@pytest.fixture
def config(tmp_path) -> DataConfig:
    return DataConfig(simulation=SMALL, folder=str(tmp_path / "data"), held_out=("beta=1",))


def test_simulated_data_are_found_again_and_not_made_twice(config, monkeypatch):
    folder = simulated(config, progress=False)
    made = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(made) == 3

    def never(*_, **__):
        raise AssertionError("simulated twice")

    monkeypatch.setattr(preparation, "simulate", never)
    assert simulated(config, progress=False) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == made
    parts = prepare(config, progress=False)  # another split of the same data
    assert values(parts.training) == [0.5, 2.0]
    parts = prepare(dataclasses.replace(config, held_out=("beta=2",)), progress=False)
    assert values(parts.training) == [0.5, 1.0]


def test_other_settings_make_other_data(config):
    one = simulated(config, progress=False)
    other = dataclasses.replace(config, simulation=dataclasses.replace(SMALL, seed=1))
    assert simulated(other, progress=False) != one
    a, b = (open_files(folder) for folder in (one, simulated(other, progress=False)))
    assert not set(a.initial_conditions) & set(b.initial_conditions)


def test_sizes_that_are_zero_are_those_of_the_equation(tmp_path):
    flow = SimulationConfig("compressible2d", ("M=1", "eta=0.1", "zeta=0.1"), 1, 16, frames=0, t_end=0.0)
    assert flow.complete == dataclasses.replace(flow, frames=21, t_end=1.0)
    assert SMALL.complete == SMALL
    zeros = dataclasses.replace(SMALL, resolution=0, frames=0, t_end=0.0, samples=2)
    folders = [
        simulated(DataConfig(simulation=what, folder=str(tmp_path)), progress=False)
        for what in (zeros, zeros.complete)
    ]
    assert folders[0] == folders[1] and open_files(folders[0]).resolution == (128,)


def test_tied_parameters_are_equal_in_the_simulated_data(tmp_path):
    sizes = {"samples": 10, "resolution": 16, "frames": 2, "t_end": 0.01}
    what = SimulationConfig("reaction-diffusion", ("Nu=0.5,1,2", "rho=Nu"), **sizes)
    parts = prepare(DataConfig(simulation=what, folder=str(tmp_path), held_out=("rho=1",)), progress=False)
    assert np.unique(parts.training.parameters, axis=0).tolist() == [[0.5, 0.5], [2.0, 2.0]]
    assert np.unique(parts.test.parameters, axis=0).tolist() == [[0.5, 0.5], [1.0, 1.0], [2.0, 2.0]]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_simulation_leaves_nothing(config, monkeypatch, error):
    def half(equation, folder, *_, **__):
        folder.mkdir(parents=True)
        (folder / "one_of_three.hdf5").write_text("")
        raise error("stop")

    monkeypatch.setattr(preparation, "simulate", half)
    with pytest.raises(error, match="stop"):
        simulated(config, progress=False)
    assert not Path(config.folder).exists()
    monkeypatch.undo()
    assert len(list(simulated(config, progress=False).iterdir())) == 3


def test_two_runs_that_simulate_the_same_at_once_both_find_it(config, monkeypatch):
    """The other run finishes first. Its folder is kept, and the folder of this run is removed."""
    original = preparation.simulate

    def overtaken(equation, folder, *arguments, **named):
        original(equation, folder, *arguments, **named)
        monkeypatch.setattr(preparation, "simulate", original)
        monkeypatch.setattr(os, "getpid", lambda: -1)  # another process
        (simulated(config, progress=False) / "first").touch()
        monkeypatch.undo()

    monkeypatch.setattr(preparation, "simulate", overtaken)
    folder = simulated(config, progress=False)
    assert (folder / "first").exists()
    assert [path.name for path in Path(config.folder).iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (("beta",), r"data\.simulation\.parameters: expected NAME=VALUE"),
        (("beta=1", "beta=2"), r"data\.simulation\.parameters: beta is given twice"),
        (("Nu=1",), "advection takes the parameters beta; missing: beta, unknown: Nu"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused(config, parameters, message):
    wrong = dataclasses.replace(config, simulation=dataclasses.replace(SMALL, parameters=parameters))
    with pytest.raises(ValueError, match=message):
        prepare(wrong, progress=False)
    assert not Path(config.folder).exists()
