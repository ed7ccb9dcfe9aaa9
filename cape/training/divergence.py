"""Divergence: losses, gradients, weights and validation errors that are not finite end a training."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from cape.training.best import BestOfMembers, BestWeights
from cape.training.phases import Phases
from cape.training.running_epoch import RunningEpoch
from cape.training.update import TrainingState

_WEIGHTS = ("params", "model_state", "ema")


class Diverged(RuntimeError):
    """The loss, the gradient, the weights or the errors of all validations became NaN or infinite.

    Attributes:
        what: what was found and in which update, in words.
        update: the number of the update, from 1.
        may_retry: whether a lower learning rate from the last checkpoint on may help.
    """

    def __init__(self, what: str, advice: str, update: int, *, may_retry: bool = True):
        super().__init__(f"{what}; {advice}")
        self.what, self.update, self.may_retry = what, update, may_retry


class FiniteCheck(NamedTuple):
    """Check a training for numbers that are not finite. The errors name the update, the epoch and the phase.

    Attributes:
        phases: of the training.
        best: the best weights so far.
        describe_batch: the number of an update, from 1 -> its trajectories in words.
    """

    phases: Phases
    best: BestWeights | BestOfMembers
    describe_batch: Callable[[int], str]

    def losses(self, epoch: int, running: RunningEpoch) -> None:
        """Check the losses and gradients of epoch number `epoch`, from 0.

        Raises:
            Diverged: one is not finite. The message also names the trajectories of the update and the norms of the
                gradient and of the weights before the update.
        """
        if found := running.not_finite():
            what = "the gradient is not finite" if np.isfinite(found.loss) else f"the loss is {found.loss}"
            update = epoch * self.phases.updates_per_epoch + found.number
            details = (
                f", with gradient norm {found.gradient_norm:.4g} and weight norm {found.weight_norm:.4g}, on "
                f"{self.describe_batch(update)}"
            )
            raise self._diverged(f"{what} at", update, details)

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
                "the rollouts of every validation became infinite until", self.phases.updates, may_retry=False
            )

    def _diverged(self, what: str, update: int, details: str = "", *, may_retry: bool = True) -> Diverged:
        warming = self.phases.warming((update - 1) // self.phases.updates_per_epoch)
        settings, lowest = "warmup" if warming else "optimiser", self.best.lowest_error
        kept = f"the best weights so far (lowest validation error {lowest:.4g}) are kept"
        advice = f"lower {settings}.learning_rate or {settings}.clip; " + (
            kept if np.isfinite(lowest) else "no weights are kept, as no validation had finite errors"
        )
        text = f"{what} {self.phases.describe(update)}{details}"
        return Diverged(text, advice, update, may_retry=may_retry)


def _all(holds: Any, arrays: Any) -> bool:
    """Return whether a condition holds for all floating-point numbers in a pytree."""
    found = (
        np.asarray(each) for each in jax.tree.leaves(arrays) if jax.numpy.issubdtype(each.dtype, np.inexact)
    )
    return all(bool(holds(each).all()) for each in found)
