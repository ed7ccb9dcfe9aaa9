"""Configurations with parts of a user, and configurations with names of version 0.1."""

import json
import sys

import pytest
from unit_box import SMALL, build, problem_of
from user_parts import Alternating, MultipliedConfig, registered

from cape.config import from_dict, to_dict
from cape.experiment import Experiment
from cape.model.config import ModelConfig
from cape.pretrained import load, save
from cape.training.config import TrainingConfig

EXPERIMENT = Experiment(
    model=ModelConfig(SMALL, MultipliedConfig(strength=2.0)),
    training=TrainingConfig(curriculum=Alternating(0.25)),
)


@pytest.fixture
def user_parts():
    with registered():
        yield


def test_parts_of_a_user_are_saved_with_the_module_that_defines_them(user_parts):
    data = json.loads(json.dumps(to_dict(EXPERIMENT)))
    assert data["model"]["conditioning"] == {
        "type": "multiplied",
        "defined_in": "user_parts",
        "strength": 2.0,
    }
    assert data["training"]["curriculum"] == {
        "type": "alternating",
        "defined_in": "user_parts",
        "start": 0.25,
    }
    assert "defined_in" not in data["model"]["base"]
    assert from_dict(Experiment, data, "x") == EXPERIMENT


def test_a_folder_with_parts_of_a_user_loads_if_they_are_registered(tmp_path):
    with registered():
        surrogate = build(problem_of(8), SMALL, MultipliedConfig())
        save(surrogate, tmp_path)
        assert load(tmp_path).config == surrogate.config
    with pytest.raises(ValueError) as error:
        load(tmp_path)
    assert "\n" not in str(error.value)
    assert str(error.value) == (
        f"{tmp_path / 'config.json'}: model: conditioning: the conditioning 'multiplied' is defined in user_parts, "
        "which is not imported; if you trust it, import that module first"
    )


def test_the_module_that_a_file_names_is_never_imported(tmp_path, monkeypatch):
    (tmp_path / "named_in_a_file.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    data = {"conditioning": {"type": "hostile", "defined_in": "named_in_a_file"}}
    with pytest.raises(ValueError, match="'hostile' is defined in named_in_a_file, which is not imported"):
        from_dict(ModelConfig, data, "x")
    assert "named_in_a_file" not in sys.modules


def test_a_part_that_is_not_registered_cannot_be_saved():
    with pytest.raises(
        ValueError, match=r"MultipliedConfig.* is not registered as a conditioning; register it under a name"
    ):
        to_dict(EXPERIMENT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"model": {"base": {"kind": "FNO"}}}, "model.base: expected .* type = one of .*'type' since version 0.2"),
        ({"model": {"normalise": "off"}}, "model: unknown key 'normalise'; it is called 'normalisation' since version"),
        ({"model": {"place": True}}, "model: unknown key 'place'; it is called 'position_channels' since version 0.2"),
        ({"model": {"conditioning": {"type": "cape", "reach": 0.5}}}, "'reach'; it is called 'max_displacement' since"),
        ({"model": {"conditioning": {"type": "Unaware"}}}, "'Unaware'; it is called 'unconditioned' since version 0.2"),
        ({"model": {"conditioning": {"type": "AdaGroupNorm"}}}, "'AdaGroupNorm'; it is called 'adagn' since version"),
        ({"data": {"simulation": {"own": 3}}}, "data.simulation: unknown key 'own'; it is called 'unshared' since"),
        ({"training": {"objective": {"gradients": "cut"}}}, "'cut'; it is called 'stop_gradient' since version 0.2"),
    ],
)  # fmt: skip
def test_names_of_version_0_1_are_answered_with_the_new_name(data, message):
    with pytest.raises(ValueError, match=message):
        from_dict(Experiment, data, "old.toml")


@pytest.mark.parametrize(
    ("table", "key", "old", "new"),
    [
        *[("model", "base", *names) for names in (
            ("FNO", "fno"), ("UNet", "u-net"), ("PaperFNO", "paper-fno"), ("PaperUNet", "paper-u-net"),
            ("FactorisedFNO", "factorised-fno"), ("ConvNextUNet", "convnext-u-net"),
            ("MessagePassing", "message-passing"))],
        *[("model", "conditioning", *names) for names in (
            ("Cape", "cape"), ("Film", "film"), ("Channels", "channels"), ("PaperCape", "paper-cape"))],
        *[("training", "optimiser", *names) for names in (
            ("AdamW", "adamw"), ("Muon", "muon"), ("PaperAdam", "paper-adam"))],
        *[("training", "curriculum", *names) for names in (
            ("TeacherForcing", "teacher-forcing"), ("Autoregressive", "autoregressive"),
            ("TanhTransition", "tanh-transition"), ("LinearTransition", "linear-transition"),
            ("CosineTransition", "cosine-transition"), ("StepTransition", "step-transition"),
            ("Pushforward", "pushforward"))],
        *[("training", "sampling", *names) for names in (
            ("EveryTrajectory", "every-trajectory"), ("Ordered", "ordered"), ("Cyclical", "cyclical"),
            ("Weighted", "weighted"))],
    ],
)  # fmt: skip
def test_class_names_of_version_0_1_are_answered_with_the_registered_name(table, key, old, new):
    with pytest.raises(ValueError, match=f"{table}.{key}: unknown type '{old}'; .*'{new}'"):
        from_dict(Experiment, {table: {key: {"type": old}}}, "old.toml")
