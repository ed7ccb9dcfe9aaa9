"""Batches of trajectories shown faster, by every n-th frame: drawn anew for every update, and the same when resumed."""

import dataclasses

import numpy as np
import pytest
from small_trainings import waves_of_either_direction

from cape.datasets.augmentation import Augmentation
from cape.experiment import Experiment
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.training.batches import augmented, resident
from cape.training.build import build
from cape.training.config import TrainingConfig
from cape.training.fit import fit
from cape.training.log import read
from cape.training.optimisers import AdamW
from cape.training.sampling import EveryTrajectory, TrajectorySampler

SMALL = FNOConfig(width=6, modes=3, layers=1, projection=8)


def test_strides_are_drawn_for_every_update_and_are_the_same_when_resumed():
    data = dataclasses.replace(
        waves_of_either_direction(frames=9), equation="advection", parameter_names=("beta",)
    )
    config = TrainingConfig(batch=8, seed=3, augmentation=Augmentation(strides=(1, 2, 4)))
    sampler = TrajectorySampler(EveryTrajectory(), data, lambda data: None, 3)

    def batches_of(start, count):
        batches = augmented(resident(data, 3, 8, start, sampler), Problem.of(data), config, start)
        return [next(batches) for _ in range(count)]

    first, later = batches_of(0, 12), batches_of(7, 5)
    assert {frames.shape[1] for frames, _ in first} == {9, 5, 3}
    for (frames, p), (again, q) in zip(first[7:], later, strict=True):
        np.testing.assert_array_equal(frames, again)
        np.testing.assert_array_equal(p, q)
    for frames, p in first:
        assert set(np.unique(p)) == {8 / (frames.shape[1] - 1), 16 / (frames.shape[1] - 1)}


@pytest.mark.thorough
@pytest.mark.usefixtures("standard_promotion")
def test_the_loss_of_batches_of_different_lengths_is_a_mean_over_steps(tmp_path):
    data = dataclasses.replace(
        waves_of_either_direction(frames=9), equation="advection", parameter_names=("beta",)
    )
    experiment = Experiment(model=ModelConfig(SMALL, FiLMConfig()))
    losses = {}
    for strides in ((1,), (1, 4)):
        training = TrainingConfig(
            epochs=1, batch=8, warmup_epochs=0, optimiser=AdamW(), augmentation=Augmentation(strides=strides)
        )
        fit(build(experiment, data), data, data, training, tmp_path / str(len(strides)), progress=False)
        losses[strides] = read(tmp_path / str(len(strides)) / "metrics.jsonl")[0]["loss"]
    assert (
        1.5 < losses[1, 4] / losses[1,] < 3.0
    )  # four points a step are harder to predict; that the batches have fewer steps does not lower the loss
    training = dataclasses.replace(training, augmentation=Augmentation(strides=(9,)))
    with pytest.raises(
        ValueError, match="every 9th of 9 frames is too few to learn a step, expected at least 2"
    ):
        fit(build(experiment, data), data, data, training, progress=False)
