"""Configurations: round trips, and every mistake named."""

import abc
import dataclasses
from typing import Literal

import pytest

from cape.config import differences, from_dict, load_json, load_toml, to_dict
from cape.experiment import Experiment
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.paper.adam import PaperAdam
from cape.registry import Registry
from cape.solvers.fno import FNOConfig
from cape.solvers.unet import UNetConfig
from cape.training.config import TrainingConfig
from cape.training.optimisers import AdamW


class Shape(abc.ABC):
    """A shape: a frozen dataclass of its settings."""

    @abc.abstractmethod
    def area(self) -> float: ...


SHAPES: Registry[type[Shape]] = Registry("shape", Shape, [])


@SHAPES.register("circle")
@dataclasses.dataclass(frozen=True)
class Circle(Shape):
    radius: float = 1.0

    def __post_init__(self):
        if self.radius <= 0:
            raise ValueError(f"expected a positive radius, got {self.radius}")

    def area(self) -> float:
        return 3.14 * self.radius**2


@SHAPES.register("square")
@dataclasses.dataclass(frozen=True)
class Square(Shape):
    side: float = 1.0

    def area(self) -> float:
        return self.side**2


@dataclasses.dataclass(frozen=True)
class Drawing:
    shape: Shape = Circle()
    frame: Square = Square()
    colour: Literal["red", "green"] = "red"
    copies: int = 1
    filled: bool = False
    dashes: tuple[float, ...] = ()
    grid: tuple[tuple[int, ...], ...] = ()
    title: str = ""


def test_registered_parts_are_tagged_with_their_type_and_other_classes_are_not():
    data = to_dict(Drawing(shape=Square(2.0), dashes=(1.0, 2.0), grid=((1, 2), (3,))))
    assert data["shape"] == {"type": "square", "defined_in": __name__, "side": 2.0}
    assert data["frame"] == {"side": 1.0}
    assert data["dashes"] == [1.0, 2.0]
    assert from_dict(Drawing, data, "x") == Drawing(shape=Square(2.0), dashes=(1.0, 2.0), grid=((1, 2), (3,)))


def test_keys_left_out_keep_their_defaults_and_whole_numbers_become_floats():
    assert from_dict(Drawing, {"shape": {"type": "circle", "radius": 3}}, "x") == Drawing(Circle(3.0))
    assert isinstance(from_dict(Circle, {"radius": 3}, "x").radius, float)
    assert from_dict(Experiment, {}, "x") == Experiment()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"colur": "red"}, r"^here: unknown key 'colur'; did you mean 'colour'\?$"),
        ({"xyz": 1}, r"^here: unknown key 'xyz'; known are shape, frame, colour, copies"),
        ({"frame": {"sides": 1}}, r"^here: frame: unknown key 'sides'; did you mean 'side'\?$"),
        ({"frame": 1}, r"^here: frame: expected a table of settings, got 1$"),
        ({"shape": 1}, r"^here: shape: expected a table with type = one of circle, square, got 1$"),
        ({"shape": {"radius": 1}}, r"^here: shape: expected a table with type = one of circle, square"),
        ({"shape": {"type": "cirle"}}, r"^here: shape: unknown type 'cirle'; did you mean 'circle'\?$"),
        ({"shape": {"type": "circle", "side": 1}}, r"^here: shape: unknown key 'side'; known are radius$"),
        ({"shape": {"type": "circle", "radius": -1}}, r"^here: shape: expected a positive radius, got -1.0$"),
        ({"shape": {"type": "circle", "radius": True}}, r"^here: shape.radius: expected float, got True$"),
        ({"shape": {"type": ["circle"]}}, r"^here: shape: expected type = one of .*, got \['circle'\]$"),
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
        ({"training": {"epochs": -1}}, "training.epochs: expected at least 0, got -1"),
        ({"training": {"epochs": 2, "warmup_epochs": 2}}, "training.warmup_epochs: expected 0 to 1"),
        ({"training": {"ema": 1.5}}, "training.ema: expected a decay"),
        (
            {"training": {"objective": {"noise": -1.0}}},
            "my.toml: training.objective.noise: expected at least 0, got -1",
        ),
        (
            {"training": {"curriculum": {"type": "pushforward", "pushes": 0}}},
            "training.curriculum: ",
        ),
        (
            {"model": {"base": {"type": "fno", "width": 0}}},
            "model.base: width: expected at least 1, got 0",
        ),
        (
            {"model": {"conditioning": {"type": "cape", "heads": 0}}},
            "model.conditioning: heads: expected at least 1, got 0",
        ),
        (
            {"model": {"base": {"type": "u-net", "levels": -1}}},
            "model.base: levels: expected at least 1, got -1",
        ),
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


def test_differences_are_named_by_their_path():
    a = Experiment()
    assert differences(a, a) == []
    b = dataclasses.replace(a, training=TrainingConfig(epochs=7))
    assert differences(a, b) == ["training.epochs: 20 and 7"]
    c = dataclasses.replace(a, model=ModelConfig(base=UNetConfig(), conditioning=FiLMConfig()))
    found = differences(a, c)
    assert "model.base.type: fno and u-net" in found
    assert "model.base.features: none and 16" in found
    assert f"model.base.width: {FNOConfig().width} and none" in found
    d = dataclasses.replace(a, training=TrainingConfig(optimiser=PaperAdam()))
    assert "training.optimiser.type: muon and paper-adam" in differences(a, d)
    assert from_dict(TrainingConfig, {"optimiser": {"type": "adamw"}}, "x").optimiser == AdamW()
