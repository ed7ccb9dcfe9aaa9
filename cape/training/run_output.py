"""What a training writes into the folder of its run: checkpoints, the log, and the surrogate with the best weights."""

import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from cape.atomic import remove_leftovers
from cape.datasets.lock import check_held, locked
from cape.pretrained import MODEL, save
from cape.surrogate import Surrogate
from cape.training import processes
from cape.training.best import BestOfMembers, BestWeights
from cape.training.checkpoint import Checkpoints
from cape.training.divergence import Diverged
from cape.training.log import TrainingLog
from cape.training.running_epoch import RunningEpoch
from cape.training.tracker import Trackers
from cape.training.update import TrainingState

_SHARE = 0.1  # of the time of a training that checkpoints may take


class RunOutput:
    """Write the output of a training; write nothing if there is no folder.

    Of several processes, the first one writes. All of them take part in saving and restoring checkpoints.

    Use it as a context manager, which holds the lock of the folder (see `locked`). Every method that writes raises an
    OSError if the folder is no longer there, or no longer locked by this process.

    Attributes:
        retries: how often the training has gone back after a divergence.

    Args:
        folder: the run's folder, or None.
        trackers: they also receive the records of the log.
    """

    def __init__(self, folder: Path | None, trackers: Trackers):
        self._checkpoint_folder = None if folder is None else Path(folder) / "checkpoints"
        self._folder = None if folder is None or not processes.first() else Path(folder)
        self._lock = locked(self._folder)
        self._checkpoints: Checkpoints | None = None
        self._log: TrainingLog | None = None
        self._trackers = trackers
        self.retries = 0
        self._saved = time.monotonic()
        self._seconds = 0.0  # that the last checkpoint took

    def resume(
        self,
        state: TrainingState,
        best: BestWeights | BestOfMembers,
        running: RunningEpoch,
        diverged: Diverged | None = None,
    ) -> tuple[TrainingState, int]:
        """Return the state and the epoch to go on with: those of the newest checkpoint, or the given state and 0.

        `best` takes over the best weights of the checkpoint, and `running` the epoch if it was saved before its end.
        Records of the log from that epoch on are dropped. With `diverged`, the training goes back there with half the
        learning rate (see `slowdown`), which the log records.

        Warns:
            UserWarning: the newest checkpoint is damaged, and the one before it is taken; the environment is another
                one (see `Checkpoints.restore`); or the training goes back.

        Raises:
            ValueError: the checkpoint belongs to another model or optimiser, or all checkpoints are damaged.
        """
        epoch = 0
        template = {"state": state, "best": best.arrays, "running": running.arrays}
        restored = self._checkpoints and self._checkpoints.restore(template)
        if restored:
            state = jax.tree.map(jnp.asarray, restored.arrays["state"])
            best.restore(restored.arrays["best"])
            running.restore(restored.arrays["running"])
            epoch = (int(state["step"]) - running.updates) // running.updates_per_epoch
            self.retries = max(self.retries, restored.notes.get("retries", 0))
        from_step = epoch * running.updates_per_epoch
        self._log = TrainingLog(self._folder, from_step=from_step, retries=self.retries)
        if diverged is not None:
            self.retries += 1
            self._tell_of_retry(diverged, from_step, int(state["step"]))
        return state, epoch

    def _tell_of_retry(self, diverged: Diverged, from_step: int, back_to: int) -> None:
        """Record that the training goes back to update number `back_to`, and say so in a line."""
        record = {
            "step": from_step,
            "retry": self.retries,
            "diverged_at": diverged.update,
            "back_to": back_to,
        }
        self.log(record | {"slowdown": self.slowdown})
        warnings.warn(
            f"{diverged.what}; the training goes back to update {back_to} and continues with {self.slowdown:g} times "
            f"the learning rate (retry {self.retries})",
            stacklevel=3,
        )

    @property
    def slowdown(self) -> float:
        """Factor of the learning rate: it is halved whenever the training diverges and goes back."""
        return 0.5**self.retries

    def save_model(self, surrogate: Surrogate) -> None:
        """Write the surrogate, which `cape.load` opens."""
        if self._folder is not None:
            check_held(self._folder)
            save(surrogate, self._folder / MODEL)

    def save_checkpoint(
        self, state: TrainingState, best: BestWeights | BestOfMembers, running: RunningEpoch
    ) -> None:
        """Save the state after its update, by whose number the checkpoint is named.

        If `running` has updates, the state is one inside an epoch.
        """
        started = time.monotonic()
        if self._folder is not None:
            check_held(self._folder)
        if self._checkpoints is not None:
            arrays = {"state": state, "best": best.arrays, "running": running.arrays}
            self._checkpoints.save(int(state["step"]), arrays, {"retries": self.retries})
        self._saved = time.monotonic()
        self._seconds = self._saved - started

    @property
    def checkpoint_pays(self) -> bool:
        """Return whether the work since the last checkpoint took long enough to save it, in any process.

        Checkpoints of epochs that take a fraction of a second would otherwise cost more than the training.
        """
        pays = time.monotonic() - self._saved >= self._seconds / _SHARE
        return bool(processes.largest([int(pays)])[0])

    @property
    def minutes(self) -> float:
        """Minutes since the last checkpoint, or since the output was opened."""
        return (time.monotonic() - self._saved) / 60

    def log(self, record: dict[str, Any]) -> None:
        """Append the record of an epoch to the log, and give it to the trackers; call `resume` before."""
        if self._folder is not None:
            check_held(self._folder)
        if self._log is not None:
            self._log.add(record)
        self._trackers.log(record)

    def __str__(self) -> str:
        return str(self._folder)

    def __enter__(self) -> "RunOutput":
        self._lock.__enter__()
        try:
            if self._folder is not None:
                for written in (self._folder, self._folder / "checkpoints", self._folder / "evaluation"):
                    remove_leftovers(written)
            if self._checkpoint_folder is not None:
                self._checkpoints = Checkpoints(self._checkpoint_folder)
        except BaseException as error:
            self._lock.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            if self._checkpoints is not None:
                self._checkpoints.close()
        finally:
            self._lock.__exit__(*error)
