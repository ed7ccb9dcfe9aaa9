"""The configuration of a training: what is refused."""

import dataclasses

import pytest
from small_trainings import CONFIG

from cape.training.config import TrainingConfig
from cape.training.curriculum import Pushforward
from cape.training.objective import Objective
from cape.training.sampling import Ordered


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": -1}, "training.epochs: expected at least 0, got -1"),
        ({"batch": -1}, "training.batch: expected at least 0"),
        ({"warmup_epochs": 12}, "training.warmup_epochs: expected 0 to 11 of 12 epochs, got 12"),
        ({"checkpoint_minutes": -1.0}, "training.checkpoint_minutes: expected a number from 0 on, got -1"),
        ({"divergence_retries": -1}, "training.divergence_retries: expected a number from 0 on, got -1"),
        ({"ema": 1.0}, r"training.ema: expected a decay in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_settings_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_streamed_data_are_drawn_once_an_epoch():
    with pytest.raises(ValueError, match="training.sampling: streamed data are drawn once an epoch"):
        TrainingConfig(sampling=Ordered(), storage="stream")


def test_pushforward_through_time_is_refused():
    with pytest.raises(
        ValueError, match="training.curriculum: pushforward has no backpropagation through time"
    ):
        TrainingConfig(curriculum=Pushforward(), objective=Objective(gradients="through_time"))
