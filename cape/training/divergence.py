"""Divergence: losses, weights and validation errors that are not finite end a training."""

from typing import Any, NamedTuple

import jax
import numpy as np

from cape.training.best import BestWeights
from cape.training.phases import Phases
from cape.training.running_epoch import RunningEpoch
from cape.training.update import TrainingState

_WEIGHTS = ("params", "model_state", "ema")


class Diverged(RuntimeError):
    """The loss, the weights or the errors of all validations became NaN or infinite."""


class FiniteCheck(NamedTuple):
    """Check a training for numbers that are not finite. The errors name the update, the epoch and the phase.

    Attributes:
        phases: of the training.
        best: the best weights so far.
    """

    phases: Phases
    best: BestWeights

    def losses(self, epoch: int, running: RunningEpoch) -> None:
        """Check the losses of epoch number `epoch`, from 0.

        Raises:
            Diverged: one is not finite.
        """
        if found := running.not_finite():
            number, loss = found
            raise self._diverged(f"the loss is {loss} at", epoch * self.phases.updates_per_epoch + number)

    def state(self, state: TrainingState) -> None:
        """Check the weights, and the states of the optimisers for NaN (they may hold infinities on purpose).

        Raises:
            Diverged: they are not finite.
        """
        weights = {name: state[name] for name in _WEIGHTS}
        others = {name: each for name, each in state.items() if name not in _WEIGHTS}
        if not _all(np.isfinite, weights) or not _all(lambda array: ~np.isnan(array), others):
            raise self._diverged(
                "the weights or the optimiser's state are not finite after", int(state["step"])
            )

    def validations(self) -> None:
        """Check that the errors of at least one validation were finite.

        Raises:
            Diverged: there was none, so no weights are kept.
        """
        if not np.isfinite(self.best.lowest_error):
            raise self._diverged(
                "the rollouts of every validation became infinite until", self.phases.updates
            )

    def _diverged(self, what: str, update: int) -> Diverged:
        warming = self.phases.warming((update - 1) // self.phases.updates_per_epoch)
        settings, lowest = "warmup" if warming else "optimiser", self.best.lowest_error
        kept = f"the best weights so far (lowest validation error {lowest:.4g}) are kept"
        return Diverged(
            f"{what} {self.phases.describe(update)}; lower {settings}.learning_rate or {settings}.clip; "
            + (kept if np.isfinite(lowest) else "no weights are kept, as no validation had finite errors")
        )


def _all(holds: Any, arrays: Any) -> bool:
    """Return whether a condition holds for all floating-point numbers in a pytree."""
    found = (
        np.asarray(each) for each in jax.tree.leaves(arrays) if jax.numpy.issubdtype(each.dtype, np.inexact)
    )
    return all(bool(holds(each).all()) for each in found)
