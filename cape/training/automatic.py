"""Settings that follow from the training data if they are left to the package: normalisation, epochs, batch size."""

import dataclasses
import math

import numpy as np

from cape.datasets.trajectories import Trajectories
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.training.config import TrainingConfig

AUTOMATIC_MODEL = ModelConfig(
    conditioning=CAPEConfig(max_displacement=0.0), normalisation="auto", identify=True
)  # of trainings whose settings are left to the package; the equation carries what displacements would
AUTOMATIC_TRAINING = TrainingConfig(epochs=0, batch=0, warmup_epochs=0)
_MOST_BYTES = 2**28  # read
_UNIFORM, _GROWING_SHARE = (
    0.2,
    0.1,
)  # size of a first frame over the largest later one; share of such trajectories
_VARIED = 3.0  # ratio of the sizes of large and small frames
_EPOCHS, _TRANSITIONS = (
    40,
    1600,
)  # epochs for that many transitions; they fall with the square root of the number
_FEWEST_EPOCHS, _MOST_EPOCHS = 10, 100
_UPDATES = 800
_BATCHES = (16, 8, 4)


def automatic_model(model: ModelConfig, training: Trajectories) -> tuple[ModelConfig, tuple[str, ...]]:
    """Replace normalisation = "auto" by the choice for the data; also return what was chosen and why.

    Frames that differ in size are normalised by their own statistics. If some trajectories start almost uniform and
    grow, a frame has no size of its own, and the statistics of the training data are used. They are also used if all
    frames have about the same size, or if no channel changes its sign: rates of a reaction depend on the concentrations
    themselves.
    """
    if model.normalisation != "auto":
        return model, ()
    u = _some_samples(training)
    sizes = u.std(tuple(range(2, u.ndim - 1)))  # [sample, time, channel]
    channels = u.reshape(-1, u.shape[-1])
    one_sign = bool(((channels >= 0).all(0) | (channels <= 0).all(0)).all())
    growing = (sizes[:, 0] < _UNIFORM * sizes.max(1)).mean(0)
    large, small = np.quantile(sizes, (0.9, 0.1), axis=(0, 1))
    varied = large > _VARIED * np.maximum(small, 1e-30)
    if (growing > _GROWING_SHARE).any():
        choice, reason = "channel", "first frames are almost uniform"
    elif one_sign:
        choice, reason = "channel", "no channel changes its sign"
    elif varied.any():
        choice, reason = "sample", "the size of the fields varies"
    else:
        choice, reason = "channel", "all fields have about the same size"
    return dataclasses.replace(model, normalisation=choice), (f"normalisation: {choice}, because {reason}",)


def automatic_training(
    training: TrainingConfig, data: Trajectories, identified: bool
) -> tuple[TrainingConfig, tuple[str, ...]]:
    """Replace epochs = 0 and batch = 0 by numbers that suit the size of the data; also return what was chosen.

    There are 40 epochs for 1,600 transitions, and fewer for more data. The batch is the largest one of at most 16
    trajectories that leaves 800 updates, and at least 4. If an equation is identified, half of the epochs and updates
    are enough to correct it.

    Args:
        training: the settings.
        data: the training data.
        identified: whether an equation is identified in the data.
    """
    notes, updates = [], _UPDATES
    if training.epochs == 0:
        transitions = data.samples * max(data.frames - 1, 1)
        epochs = round(_EPOCHS * math.sqrt(_TRANSITIONS / transitions))
        epochs, why = min(max(epochs, _FEWEST_EPOCHS), _MOST_EPOCHS), f"for {transitions:,} transitions"
        if identified:
            epochs, updates = -(-epochs // 2), updates // 2
            why += ", half as many as without an equation"
        epochs = max(epochs, training.warmup_epochs + 1)
        training = dataclasses.replace(training, epochs=epochs)
        notes.append(f"epochs: {epochs}, {why}")
    if training.batch == 0:
        batch = next((b for b in _BATCHES if training.epochs * data.samples >= updates * b), _BATCHES[-1])
        batch = min(batch, data.samples)
        training = dataclasses.replace(training, batch=batch)
        notes.append(f"batch: {batch}, for {training.epochs * -(-data.samples // batch):,} updates")
    return training, tuple(notes)


def _some_samples(trajectories: Trajectories) -> np.ndarray:
    """Read as many samples as may be read [sample, time, *space, channel]."""
    sample_bytes = (
        8 * trajectories.frames * math.prod(trajectories.resolution) * len(trajectories.channel_names)
    )
    count = min(max(_MOST_BYTES // sample_bytes, 1), trajectories.samples)
    chosen = np.unique(np.linspace(0, trajectories.samples - 1, count).round().astype(int))
    return trajectories.read(chosen).astype(np.float64)
