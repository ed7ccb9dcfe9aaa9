"""The running epoch: the losses of its updates so far, and the probabilities with which its trajectories are drawn."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cape.training.batches import Batch
from cape.training.objective import Losses
from cape.training.sampling import PerTrajectory
from cape.training.update import Measures


class NotFinite(NamedTuple):
    """An update whose loss or gradient is not finite.

    Attributes:
        number: of the update in its epoch, from 1.
        loss, gradient_norm, weight_norm: what it measured (see `Measures`).
    """

    number: int
    loss: float
    gradient_norm: float
    weight_norm: float


class RunningEpoch:
    """Collect the losses of the updates of an epoch. They stay on the device until they are asked for.

    A checkpoint saves it, so that a training that was stopped inside an epoch continues there.

    Attributes:
        probabilities: those of `TrajectorySampler` in this epoch.
        updates_per_epoch: number of updates in an epoch.

    Args:
        updates_per_epoch: number of updates in an epoch.
        samples: number of training trajectories.
        dtype: of the losses.
        members: number of members of an ensemble, each with its losses.
        streamed: the batches are read from disk. The time that the training waits for them is then measured.
    """

    def __init__(
        self, updates_per_epoch: int, samples: int, dtype: Any, members: int = 1, *, streamed: bool = False
    ):
        self.updates_per_epoch = updates_per_epoch
        self._samples, self._dtype, self._members, self._streamed = samples, dtype, members, streamed
        self.begin()

    @property
    def updates(self) -> int:
        """Number of updates in this epoch so far."""
        return len(self._losses)

    @property
    def ended(self) -> bool:
        """Whether all updates of this epoch are done."""
        return self.updates == self.updates_per_epoch

    def begin(self) -> None:
        """Begin an epoch."""
        self.probabilities: PerTrajectory | None = None
        self._losses: list[Losses] = []
        self._unchecked: list[Measures] = []
        self._steps = 0
        self._waited = 0.0
        self._began = self._measured_since = time.perf_counter()

    def take(self, batches: Iterator[Batch]) -> Batch:
        """Return the next batch, and measure how long that takes.

        If batches are streamed, no more than one update is left to the device before. The time is then one in which
        the device has nothing to do.
        """
        if self._streamed and len(self._unchecked) > 1:
            jax.block_until_ready(self._unchecked[-2])
        began = time.perf_counter()
        batch = next(batches)
        self._waited += time.perf_counter() - began
        return batch

    def add(self, measures: Measures, steps: int) -> None:
        """Add what an update over so many steps in time measured."""
        self._losses.append(measures.losses)
        self._unchecked.append(measures)
        self._steps += steps

    def not_finite(self) -> NotFinite | None:
        """Return the first update whose loss or gradient is not finite, or None.

        Updates that a call has found finite are not looked at again.
        """
        checked = self.updates - len(self._unchecked)
        found = jax.device_get([(m.losses.total, m.gradient_norm, m.weight_norm) for m in self._unchecked])
        for number, (loss, gradient, weights) in enumerate(found, checked + 1):
            bad = ~(np.isfinite(loss) & np.isfinite(gradient))
            if bad.any():
                of_first = np.argmax(bad)  # member of an ensemble
                return NotFinite(number, *(float(np.ravel(a)[of_first]) for a in (loss, gradient, weights)))
        self._unchecked = []
        return None

    def means(self) -> dict[str, float]:
        """Return the mean losses over all steps of all updates (and over members), for the log.

        With streamed batches, "waiting" is the share of the time in which the training waited for them.
        """
        count = self._steps * self._members
        total, prediction, auxiliary = (
            float(jnp.stack(each).sum()) / count for each in zip(*self._losses, strict=True)
        )
        losses = {"loss": total, "prediction_loss": prediction, "auxiliary_loss": auxiliary}
        if not self._streamed:
            return losses
        return losses | {"waiting": self._waited / (time.perf_counter() - self._measured_since)}

    @property
    def seconds(self) -> float:
        """Seconds that the epoch has taken."""
        return time.perf_counter() - self._began

    @property
    def arrays(self) -> dict[str, Any]:
        """The epoch as arrays of fixed shapes, for checkpoints."""
        of_members = (self._members,) if self._members > 1 else ()
        losses = np.zeros((self.updates_per_epoch, len(Losses._fields), *of_members), self._dtype)
        losses[: self.updates] = jax.device_get(self._losses) or 0
        none = np.zeros(self._samples, np.float32)
        return {
            "updates": np.int32(self.updates),
            "losses": losses,
            "steps": np.int32(self._steps),
            "probabilities": none if self.probabilities is None else self.probabilities,
            "seconds": np.float32(self.seconds),
        }

    def restore(self, arrays: dict[str, Any]) -> None:
        """Take over the arrays of a checkpoint."""
        arrays = jax.tree.map(np.asarray, arrays)
        self.begin()
        self.probabilities = arrays["probabilities"] if arrays["probabilities"].any() else None
        losses = arrays["losses"][: int(arrays["updates"])]
        self._losses = [Losses(*(jnp.asarray(each) for each in row)) for row in losses]
        self._steps = int(arrays["steps"])
        self._began -= float(arrays["seconds"])
