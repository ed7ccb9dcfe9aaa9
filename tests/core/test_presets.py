"""Presets: through JSON, the models they build, and the data they hold out."""

import dataclasses
import json
import tomllib

import jax
import numpy as np
import pytest
from flax import nnx

import cape.data as preparation
from cape.commands.train import presets
from cape.config import from_dict, load_json, load_toml, to_dict
from cape.data import held_out_samples
from cape.datasets.augmentation import symmetries_of
from cape.datasets.equations.equation import find_equation
from cape.datasets.simulate.simulation import simulate
from cape.experiment import Experiment
from cape.model.arrays import count_weights
from cape.problem import Problem
from cape.surrogate import Surrogate

PRESETS = sorted(presets())
QUICK = ("auto", "burgers1d", "grayscott2d", "reactiondiffusion3d")  # one of each dimension
SOME = [p if p in QUICK else pytest.param(p, marks=pytest.mark.thorough) for p in PRESETS]
PUBLISHED_ONLY = {("burgers1d", "Nu=0.004")}  # held out where PDEBench's own files are given


def problem(preset: Experiment) -> Problem:
    """The problem of a preset's simulated data, on its own grid."""
    what, equation = preset.data.simulation.complete, find_equation(preset.data.simulation.equation)
    axes, channels, parameters = equation.dimension, len(equation.channels), len(equation.parameters)
    return Problem(
        equation=equation.name,
        channels=equation.channels,
        parameters=equation.parameter_names,
        boundaries=(equation.boundary,) * axes,
        resolution=(what.resolution // preset.data.space_stride,) * axes,
        origin=(equation.origin,) * axes,
        length=(equation.length,) * axes,
        dt=what.t_end / (what.frames - 1) * preset.data.time_stride,
        steps=(what.frames - 1) // preset.data.time_stride,
        channel_mean=(0.0,) * channels,
        channel_std=(1.0,) * channels,
        low=(0.01,) * parameters,
        high=(1.0,) * parameters,
    )


@pytest.mark.parametrize("name", PRESETS)
def test_presets_make_round_trips_and_change_something(name, tmp_path):
    preset = load_toml(Experiment, presets()[name])
    assert preset != Experiment()
    assert from_dict(Experiment, to_dict(preset), "preset") == preset
    file = tmp_path / "config.json"
    file.write_text(json.dumps(to_dict(preset)))
    assert load_json(Experiment, file) == preset
    # every key written in the file has arrived
    written = tomllib.loads(presets()[name].read_text())
    kept = to_dict(preset)

    def check(written, kept):
        for key, value in written.items():
            if isinstance(value, dict):
                check(value, kept[key])
            else:
                assert kept[key] == value, key

    check(written, kept)


@pytest.mark.parametrize("name", SOME)
def test_presets_build_their_models(name):
    preset = load_toml(Experiment, presets()[name])
    task = problem(preset)
    surrogate = nnx.eval_shape(lambda: Surrogate(task, preset.model, rngs=nnx.Rngs(0)))
    assert count_weights(surrogate) > 100
    u = jax.ShapeDtypeStruct((2, *task.resolution, len(task.channels)), "float32")
    p = jax.ShapeDtypeStruct((2, len(task.parameters)), "float32")
    graphdef, state = nnx.split(surrogate)
    following = jax.eval_shape(lambda state, u, p: nnx.merge(graphdef, state).at(p)(u), state, u, p)
    assert following.shape == u.shape


@pytest.mark.parametrize("name", SOME)
def test_presets_hold_out_what_they_simulate_and_augment_as_the_equation_allows(name, tmp_path, monkeypatch):
    def unsolved(equation, *arguments, **named):
        it = find_equation(equation)

        def solve(initial, *parameters, resolution, times):
            return np.ones((len(parameters[0]), len(times), *[resolution] * it.dimension, len(it.channels)))

        return simulate(dataclasses.replace(it, solve=solve), *arguments, **named)

    monkeypatch.setattr(preparation, "simulate", unsolved)
    preset = load_toml(Experiment, presets()[name])
    unshared = min(preset.data.simulation.unshared, 8)
    small = dataclasses.replace(
        preset.data.simulation, samples=10, unshared=unshared, resolution=16, frames=2
    )
    data = dataclasses.replace(
        preset.data, simulation=small, folder=str(tmp_path), space_stride=1, time_stride=1
    )
    parts = preparation.prepare(data, progress=False)
    for text in data.held_out:
        if (name, text) not in PUBLISHED_ONLY:
            assert held_out_samples((text,), parts.test).any()
        with pytest.raises(ValueError, match="no sample has"):
            held_out_samples((text,), parts.training)
    augmentation = preset.training.augmentation
    if augmentation.active:
        allowed = symmetries_of(parts.training.equation, parts.training.boundaries)
        assert allowed.isometries is not None or allowed.forced_isometries or not augmentation.isometries
