"""Checkpoints of a training in progress, and how a stopped run resumes from them. No other file imports orbax."""

from pathlib import Path
from typing import Any

import jax


class Checkpoints:
    """Save and restore the training state, a pytree of arrays. Only the newest checkpoint is kept.

    Saving is atomic: if the process is killed while it saves, the previous checkpoint can still be loaded.
    """

    def __init__(self, folder: Path):
        import orbax.checkpoint as ocp  # here, so that inference does not pay the second that this import takes

        self._ocp = ocp
        policy = ocp.checkpoint_managers.preservation_policy.LatestN(1)
        options = ocp.CheckpointManagerOptions(preservation_policy=policy, enable_async_checkpointing=False)
        self._manager = ocp.CheckpointManager(Path(folder).absolute(), options=options)

    def newest(self) -> int | None:
        """Return the step of the newest checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        """Save the state and wait until it is on disk."""
        self._manager.save(step, args=self._ocp.args.StandardSave(state))
        self._manager.wait_until_finished()

    def restore(self, step: int, template: Any) -> Any:
        """Restore a checkpoint into the structure, shapes and dtypes of `template`.

        Raises:
            ValueError: the checkpoint belongs to another model or optimiser.
        """
        abstract = jax.tree.map(jax.typeof, template)
        abstract = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), abstract)
        try:
            return self._manager.restore(step, args=self._ocp.args.StandardRestore(abstract))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._manager.directory}: the checkpoint does not fit the configured model and optimiser; resume "
                f"with the configuration it was written with, or choose a new folder ({error})"
            ) from error

    def close(self) -> None:
        self._manager.close()
