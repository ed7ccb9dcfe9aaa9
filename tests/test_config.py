"""Configuration: round trips, every mistake named, and presets that build the models they describe."""

import dataclasses
import json
import tomllib
from typing import Literal

import jax
import numpy as np
import pytest
from flax import nnx

import cape.data as preparation
from cape.commands.train import presets
from cape.config import differences, from_dict, load_json, load_toml, nearest, to_dict
from cape.data import held_out_samples
from cape.datasets.equations.equation import find_equation
from cape.datasets.simulate.simulation import simulate
from cape.datasets.augmentation import symmetries_of
from cape.experiment import Experiment
from cape.model.config import FNO, Film, ModelConfig, UNet
from cape.problem import Problem
from cape.surrogate import Surrogate, count_parameters
from cape.training.fit import TrainingConfig
from cape.training.optimisers import AdamW, PaperAdam

PRESETS = sorted(presets())
PUBLISHED_ONLY = {("burgers1d", "Nu=0.004")}  # held out where PDEBench's own files are given


@dataclasses.dataclass(frozen=True)
class Circle:
    radius: float = 1.0

    def __post_init__(self):
        if self.radius <= 0:
            raise ValueError(f"expected a positive radius, got {self.radius}")


@dataclasses.dataclass(frozen=True)
class Square:
    side: float = 1.0


@dataclasses.dataclass(frozen=True)
class Drawing:
    shape: Circle | Square = Circle()
    frame: Square = Square()
    colour: Literal["red", "green"] = "red"
    copies: int = 1
    filled: bool = False
    dashes: tuple[float, ...] = ()
    grid: tuple[tuple[int, ...], ...] = ()
    title: str = ""


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


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_their_models(name):
    preset = load_toml(Experiment, presets()[name])
    task = problem(preset)
    surrogate = nnx.eval_shape(lambda: Surrogate(task, preset.model, rngs=nnx.Rngs(0)))
    assert count_parameters(surrogate) > 100
    u = jax.ShapeDtypeStruct((2, *task.resolution, len(task.channels)), "float32")
    p = jax.ShapeDtypeStruct((2, len(task.parameters)), "float32")
    graphdef, state = nnx.split(surrogate)
    following = jax.eval_shape(lambda state, u, p: nnx.merge(graphdef, state).at(p)(u), state, u, p)
    assert following.shape == u.shape


@pytest.mark.parametrize("name", PRESETS)
def test_presets_hold_out_what_they_simulate_and_augment_as_the_equation_allows(name, tmp_path, monkeypatch):
    def unsolved(equation, *arguments, **named):
        it = find_equation(equation)

        def solve(initial, *parameters, resolution, times):
            return np.ones((len(parameters[0]), len(times), *[resolution] * it.dimension, len(it.channels)))

        return simulate(dataclasses.replace(it, solve=solve), *arguments, **named)

    monkeypatch.setattr(preparation, "simulate", unsolved)
    preset = load_toml(Experiment, presets()[name])
    unshared = min(preset.data.simulation.unshared, 8)
    small = dataclasses.replace(preset.data.simulation, samples=10, unshared=unshared, resolution=16, frames=2)
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
        assert allowed.isometries is not None or allowed.moves or not augmentation.isometries


def test_members_of_unions_carry_their_kind_and_single_classes_none():
    data = to_dict(Drawing(shape=Square(2.0), dashes=(1.0, 2.0), grid=((1, 2), (3,))))
    assert data["shape"] == {"kind": "Square", "side": 2.0}
    assert data["frame"] == {"side": 1.0}
    assert data["dashes"] == [1.0, 2.0]
    assert from_dict(Drawing, data, "x") == Drawing(shape=Square(2.0), dashes=(1.0, 2.0), grid=((1, 2), (3,)))


def test_keys_left_out_keep_their_defaults_and_whole_numbers_become_floats():
    assert from_dict(Drawing, {"shape": {"kind": "Circle", "radius": 3}}, "x") == Drawing(Circle(3.0))
    assert isinstance(from_dict(Circle, {"radius": 3}, "x").radius, float)
    assert from_dict(Experiment, {}, "x") == Experiment()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"colur": "red"}, r"^here: unknown key 'colur'; did you mean 'colour'\?$"),
        ({"xyz": 1}, r"^here: unknown key 'xyz'; known are shape, frame, colour, copies"),
        ({"frame": {"sides": 1}}, r"^here: frame: unknown key 'sides'; did you mean 'side'\?$"),
        ({"frame": 1}, r"^here: frame: expected a table of settings, got 1$"),
        ({"shape": 1}, r"^here: shape: expected a table with kind = one of Circle, Square, got 1$"),
        ({"shape": {"radius": 1}}, r"^here: shape: expected a table with kind = one of Circle, Square"),
        ({"shape": {"kind": "Cirle"}}, r"^here: shape: unknown kind 'Cirle'; did you mean 'Circle'\?$"),
        ({"shape": {"kind": "Circle", "side": 1}}, r"^here: shape: unknown key 'side'; known are radius$"),
        ({"shape": {"kind": "Circle", "radius": -1}}, r"^here: shape: expected a positive radius, got -1.0$"),
        ({"shape": {"kind": "Circle", "radius": True}}, r"^here: shape.radius: expected float, got True$"),
        ({"colour": "gren"}, r"^here: colour: got 'gren'; did you mean 'green'\?$"),
        ({"colour": ["red"]}, r"^here: colour: got \['red'\]"),
        ({"copies": 2.0}, r"^here: copies: expected int, got 2.0$"),
        ({"copies": True}, r"^here: copies: expected int, got True$"),
        ({"filled": 1}, r"^here: filled: expected bool, got 1$"),
        ({"title": 1}, r"^here: title: expected str, got 1$"),
        ({"title": None}, r"^here: title: expected str, got None$"),
        ({"dashes": 1.0}, r"^here: dashes: expected a list, got 1.0$"),
        ({"dashes": "12"}, r"^here: dashes: expected a list, got '12'$"),
        ({"dashes": [1, "x"]}, r"^here: dashes.1: expected float, got 'x'$"),
        ([], r"^here: expected a table of settings, got \[\]$"),
    ],
)
def test_every_mistake_names_the_place_what_was_found_and_what_was_expected(data, message):
    with pytest.raises(ValueError, match=message):
        from_dict(Drawing, data, "here")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"training": {"epochs": 0}}, "training.epochs: expected at least 1, got 0"),
        ({"training": {"epochs": 2, "warmup_epochs": 2}}, "training.warmup_epochs: expected 0 to 1"),
        ({"training": {"ema": 1.5}}, "training.ema: expected a decay"),
        (
            {"training": {"objective": {"noise": -1.0}}},
            "my.toml: training.objective.noise: expected at least 0, got -1",
        ),
        (
            {"training": {"curriculum": {"kind": "Pushforward", "pushes": 0}}},
            "training.curriculum: ",
        ),
        (
            {"model": {"base": {"kind": "FNO", "width": 0}}},
            "model.base: FNO.width: expected at least 1, got 0",
        ),
        ({"model": {"conditioning": {"kind": "Cape", "heads": 0}}}, "Cape.heads: expected at least 1, got 0"),
        ({"model": {"base": {"kind": "UNet", "levels": -1}}}, "UNet.levels: expected at least 1, got -1"),
        ({"data": {"samples": -1}}, "data.samples: expected at least 0, got -1"),
        ({"data": {"time_stride": 0}}, "data.time_stride: expected at least 1, got 0"),
        ({"data": {"validation": 0.0}}, "data.validation, data.test: expected fractions"),
        ({"data": {"validation": 0.6, "test": 0.4}}, "data.validation, data.test: expected fractions"),
    ],
)
def test_impossible_values_of_an_experiment_are_refused_in_one_line_that_names_them(data, message):
    with pytest.raises(ValueError) as error:
        from_dict(Experiment, data, "my.toml")
    assert str(error.value).startswith("my.toml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).count("training.") <= 1


def test_files_that_are_not_toml_or_json_are_refused(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("[training\nepochs = 3")
    with pytest.raises(ValueError, match=r"a\.toml: not a TOML file \(.*line 1"):
        load_toml(Experiment, file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"a\.toml: not a TOML file"):
        load_toml(Experiment, file)
    with pytest.raises(ValueError, match="not a TOML file"):
        load_toml(Experiment, tmp_path / "missing.toml")
    file = tmp_path / "a.json"
    file.write_text('{"training":')
    with pytest.raises(ValueError, match=r"a\.json: not a configuration file"):
        load_json(Experiment, file)
    file.write_text('{"training": {"epoch": 3}}')
    with pytest.raises(ValueError, match=r"a\.json: training: unknown key 'epoch'; did you mean 'epochs'"):
        load_json(Experiment, file)


def test_differences_are_told_by_their_path():
    a = Experiment()
    assert differences(a, a) == []
    b = dataclasses.replace(a, training=TrainingConfig(epochs=7))
    assert differences(a, b) == ["training.epochs: 20 and 7"]
    c = dataclasses.replace(a, model=ModelConfig(base=UNet(), conditioning=Film()))
    told = differences(a, c)
    assert "model.base.kind: FNO and UNet" in told
    assert "model.base.features: none and 16" in told
    assert f"model.base.width: {FNO().width} and none" in told
    d = dataclasses.replace(a, training=TrainingConfig(optimiser=PaperAdam()))
    assert "training.optimiser.kind: Muon and PaperAdam" in differences(a, d)
    assert from_dict(TrainingConfig, {"optimiser": {"kind": "AdamW"}}, "x").optimiser == AdamW()


def test_a_hint_names_the_nearest_or_all():
    assert nearest("smok", ["smoke", "burgers1d"]) == "did you mean 'smoke'?"
    assert nearest("zzz", ["smoke", "burgers1d"]) == "known are smoke, burgers1d"
