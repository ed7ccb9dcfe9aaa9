import numpy as np
import pytest
import scipy.special

from cape.datasets.arrays import from_arrays
from cape.model.config import ModelConfig
from cape.training.automatic import (
    AUTOMATIC_MODEL,
    AUTOMATIC_TRAINING,
    automatic_model,
    automatic_training,
)
from cape.training.config import TrainingConfig


def trajectories(sizes, samples=8, points=16):
    """Return waves whose standard deviation over space is `sizes` [time] in every sample."""
    x = 2 * np.pi * np.arange(points) / points
    u = np.asarray(sizes)[None, :, None] * np.sqrt(2) * np.sin(x)[None, None] * np.ones((samples, 1, 1))
    return from_arrays(u, {"p": np.arange(samples)}, dt=0.1, dx=1 / points)


@pytest.mark.parametrize(
    ("sizes", "choice", "reason"),
    [
        ([0.0, 0.5, 1.0], "channel", "first frames are almost uniform"),
        ([1.0, 0.3, 0.1], "sample", "the size of the fields varies"),
        ([1.0, 0.9, 0.8], "channel", "all fields have about the same size"),
    ],
)
def test_normalisation_follows_from_the_sizes_of_the_frames(sizes, choice, reason):
    model, notes = automatic_model(AUTOMATIC_MODEL, trajectories(sizes))
    assert model.normalisation == choice
    assert notes == (f"normalisation: {choice}, because {reason}",)


def test_concentrations_are_normalised_by_the_training_data():
    waves = trajectories([1.0, 0.3, 0.1]).read()
    for u, choice in ((waves, "sample"), (waves + 2.0, "channel"), (-waves - 2.0, "channel")):
        data = from_arrays(u[..., 0], {"p": np.arange(8)}, dt=0.1, dx=1 / 16)
        assert automatic_model(ModelConfig(), data)[0].normalisation == choice


def test_a_rod_heated_at_its_end_and_a_flow_forced_from_rest_are_normalised_by_the_training_data():
    x, t = np.arange(16)[None] / 16, np.arange(6)[:, None] / 10
    rod = 0.1 + 0.9 * scipy.special.erfc(x / np.sqrt(0.04 * t + 1e-30)) * (t > 0)
    forced = (1 - np.exp(-t)) * np.sin(2 * np.pi * x)
    for u in (rod, forced):
        data = from_arrays(np.repeat(u[None], 4, 0), {"p": np.arange(4)}, dt=0.1, dx=1 / 16)
        assert automatic_model(ModelConfig(), data)[0].normalisation == "channel"


def test_one_channel_that_starts_uniform_is_enough():
    u = np.stack([trajectories([0.0, 1.0, 1.0]).read(), trajectories([1.0, 0.5, 0.1]).read()], -1)[..., 0, :]
    both = from_arrays(u, {"p": np.arange(8)}, dt=0.1, dx=1 / 16, channels=["a", "b"])
    assert automatic_model(AUTOMATIC_MODEL, both)[0].normalisation == "channel"


@pytest.mark.parametrize(
    ("samples", "frames", "epochs", "batch"),
    [(80, 21, 40, 4), (800, 21, 13, 8), (3, 2, 100, 3), (9000, 101, 10, 16)],
)
def test_epochs_and_batch_follow_from_the_number_of_transitions(samples, frames, epochs, batch):
    data = trajectories(np.ones(frames), samples=samples, points=4)
    chosen, notes = automatic_training(AUTOMATIC_TRAINING, data, identified=False)
    assert (chosen.epochs, chosen.batch) == (epochs, batch)
    assert len(notes) == 2


def test_an_identified_equation_halves_the_epochs_and_keeps_the_batch():
    data = trajectories(np.ones(21), samples=800, points=4)
    chosen, (epochs, batch) = automatic_training(AUTOMATIC_TRAINING, data, identified=True)
    assert (chosen.epochs, chosen.batch) == (7, 8)
    assert epochs == "epochs: 7, for 16,000 transitions, half as many as without an equation"
    assert batch == "batch: 8, for 700 updates"


@pytest.mark.parametrize("identified", [False, True])
def test_settings_that_are_given_stay(identified):
    model, training = ModelConfig(normalisation="off"), TrainingConfig(epochs=3, batch=2)
    data = trajectories([1.0, 0.1])
    assert automatic_model(model, data) == (model, ())
    assert automatic_training(training, data, identified) == (training, ())
