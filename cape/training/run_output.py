"""What a training writes into the folder of its run: checkpoints, the log, and the surrogate with the best weights."""

from pathlib import Path
from typing import Any

from cape.pretrained import MODEL, save
from cape.surrogate import Surrogate
from cape.training.best import BestWeights
from cape.training.checkpoint import Checkpoints
from cape.training.log import TrainingLog
from cape.training.run_lock import check_held, locked
from cape.training.running_epoch import RunningEpoch
from cape.training.update import TrainingState


class RunOutput:
    """Write the output of a training; write nothing if there is no folder.

    Use it as a context manager, which holds the lock of the folder (see `locked`). Every method that writes raises an
    OSError if the folder is no longer there, or no longer locked by this process.

    Args:
        folder: the run's folder, or None.
        tensorboard: also write TensorBoard records.
    """

    def __init__(self, folder: Path | None, *, tensorboard: bool = False):
        self._folder = None if folder is None else Path(folder)
        self._lock = locked(self._folder)
        self._checkpoints: Checkpoints | None = None
        self._log: TrainingLog | None = None
        self._tensorboard = tensorboard

    def resume(
        self, state: TrainingState, best: BestWeights, running: RunningEpoch
    ) -> tuple[TrainingState, int]:
        """Return the state and the epoch to go on with: those of the newest checkpoint, or the given state and 0.

        `best` takes over the best weights of the checkpoint, and `running` the epoch if it was saved before its end.
        Records of the log from that epoch on are dropped.

        Warns:
            UserWarning: the newest checkpoint is damaged, and the one before it is taken.

        Raises:
            ValueError: the checkpoint belongs to another model or optimiser, or all checkpoints are damaged.
        """
        epoch = 0
        template = {"state": state, "best": best.arrays, "running": running.arrays}
        restored = self._checkpoints and self._checkpoints.restore(template)
        if restored:
            epoch, arrays = restored
            state = arrays["state"]
            best.restore(arrays["best"])
            running.restore(arrays["running"])
            epoch -= running.updates > 0
        from_step = epoch * running.updates_per_epoch
        self._log = TrainingLog(self._folder, from_step=from_step, tensorboard=self._tensorboard)
        return state, epoch

    def save_model(self, surrogate: Surrogate) -> None:
        """Write the surrogate, which `cape.load` opens."""
        if self._folder is not None:
            check_held(self._folder)
            save(surrogate, self._folder / MODEL)

    def save_checkpoint(
        self, number: int, state: TrainingState, best: BestWeights, running: RunningEpoch
    ) -> None:
        """Save the state in or after epoch `number`, counted from 1; `running` without updates says that it ended."""
        if self._folder is not None and self._checkpoints is not None:
            check_held(self._folder)
            arrays = {"state": state, "best": best.arrays, "running": running.arrays}
            self._checkpoints.save(number, arrays)

    def log(self, record: dict[str, Any]) -> None:
        """Append the record of an epoch to the log; call `resume` before."""
        if self._folder is not None:
            check_held(self._folder)
        if self._log is not None:
            self._log.add(record)

    def __enter__(self) -> "RunOutput":
        self._lock.__enter__()
        try:
            if self._folder is not None:
                self._checkpoints = Checkpoints(self._folder / "checkpoints")
        except BaseException as error:
            self._lock.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            if self._log is not None:
                self._log.close()
            if self._checkpoints is not None:
                self._checkpoints.close()
        finally:
            self._lock.__exit__(*error)
