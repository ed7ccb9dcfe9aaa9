"""Settings on the command line: every registered part can be chosen, and the original classes come back."""

import dataclasses
from typing import get_args

import pytest
import tyro
from user_parts import Alternating, MultipliedConfig, registered

from cape.commands.settings import with_choices, without_choices
from cape.experiment import Experiment
from cape.model.conditioning import CONDITIONINGS
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.paper.adam import PaperAdam
from cape.solvers.fno import FNOConfig
from cape.solvers.unet import UNetConfig
from cape.training.config import TrainingConfig
from cape.training.optimisers import AdamW

EXPERIMENT = Experiment(
    model=ModelConfig(FNOConfig(width=7), FiLMConfig(width=3)),
    training=TrainingConfig(epochs=5, optimiser=AdamW(learning_rate=0.5)),
)


def parse(*arguments, default=EXPERIMENT):
    settings = with_choices(default)
    config = (tyro.conf.CascadeSubcommandArgs,)
    return without_choices(tyro.cli(type(settings), args=list(arguments), default=settings, config=config))


def test_choices_change_no_value_and_are_removed_again():
    settings = with_choices(EXPERIMENT)
    assert isinstance(settings, Experiment) and type(settings) is not Experiment
    assert settings.model.base == FNOConfig(width=7)
    assert without_choices(settings) == EXPERIMENT
    assert type(without_choices(settings)) is Experiment
    assert type(without_choices(settings).model) is ModelConfig
    assert without_choices(EXPERIMENT) is EXPERIMENT


def test_a_setting_with_a_registry_becomes_a_choice_of_all_registered_parts():
    model = with_choices(EXPERIMENT.model)
    (field,) = (field for field in dataclasses.fields(model) if field.name == "conditioning")
    assert {get_args(part)[0] if get_args(part) else part for part in get_args(field.type)} == set(
        CONDITIONINGS.parts.values()
    )


def test_without_arguments_the_defaults_come_back():
    assert parse() == EXPERIMENT


def test_settings_and_parts_are_chosen_by_name():
    found = parse(
        "--training.epochs", "9", "model.base:u-net", "--model.base.features", "8", "training.optimiser:paper-adam"
    )  # fmt: skip
    assert found.training.epochs == 9
    assert found.model.base == UNetConfig(features=8)
    assert found.training.optimiser == PaperAdam()
    assert found.model.conditioning == FiLMConfig(width=3)


def test_the_chosen_part_of_the_default_keeps_its_settings():
    assert parse("model.base:fno", "--model.base.modes", "5").model.base == FNOConfig(width=7, modes=5)


def test_parts_of_a_user_are_choices_too():
    with registered():
        found = parse(
            "model.conditioning:multiplied", "--model.conditioning.strength", "3", "training.curriculum:alternating"
        )  # fmt: skip
    assert found.model.conditioning == MultipliedConfig(strength=3.0)
    assert found.training.curriculum == Alternating()


def test_a_part_that_is_not_registered_is_no_choice(capsys):
    with pytest.raises(SystemExit):
        parse("model.conditioning:multiplied")
    assert "multiplied" in capsys.readouterr().err
