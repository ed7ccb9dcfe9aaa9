"""Checkpoints of a training in progress, and how a stopped run resumes from them. No other file imports orbax."""

import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax

from cape.atomic import replacing
from cape.training import digest

_ARRAYS = "default"  # the folder of a checkpoint in which orbax writes the arrays
_KEPT = 2


class Checkpoints:
    """Save and restore numbered checkpoints, each a pytree of arrays. The newest and the one before it are kept.

    Saving is atomic: if the process is killed while it saves, the previous checkpoints can still be loaded. Digests of
    all arrays and files are saved with them, and verified before orbax reads a file.

    Args:
        folder: holds a folder for each checkpoint, named by its number.
    """

    def __init__(self, folder: Path):
        import orbax.checkpoint as ocp  # here, so that inference does not pay the second that this import takes

        self._ocp = ocp
        self._orbax = ocp.Checkpointer(ocp.StandardCheckpointHandler())
        self._folder = Path(folder).absolute()

    def numbers(self) -> list[int]:
        """Return the numbers of the checkpoints, the newest first."""
        return sorted(
            (int(path.name) for path in self._folder.glob("*") if path.name.isdigit()), reverse=True
        )

    def save(self, number: int, state: Any) -> None:
        """Save a state, in place of a checkpoint of the same number, and wait until it is on disk."""
        with replacing(self._folder / str(number)) as temporary:
            self._orbax.save(temporary / _ARRAYS, args=self._ocp.args.StandardSave(state))
            digest.write(temporary, state)
        self._remove(self.numbers()[_KEPT:])

    def restore(self, template: Any) -> tuple[int, Any] | None:
        """Restore the newest checkpoint that is not damaged; return its number and its arrays, or None without any.

        The arrays get the structure, shapes and dtypes of `template`. Damaged checkpoints that are newer are removed.

        Warns:
            UserWarning: the newest checkpoint is damaged.

        Raises:
            ValueError: a checkpoint belongs to another model or optimiser, or all are damaged.
        """
        damaged: dict[int, str] = {}
        for number in self.numbers():
            try:
                arrays = self._read(number, template)
            except digest.Damaged as error:
                damaged[number] = str(error)
                continue
            if damaged:
                warnings.warn(
                    f"{self._folder}: checkpoint {_shown(damaged)}; the run goes on from checkpoint {number}",
                    stacklevel=2,
                )
                self._remove(damaged)
            return number, arrays
        if damaged:
            raise ValueError(
                f"{self._folder}: no checkpoint can be read: {_shown(damaged)}; restore the folder from a copy, or "
                "remove it and train anew"
            )
        return None

    def close(self) -> None:
        self._orbax.close()

    def _read(self, number: int, template: Any) -> Any:
        """Read and verify a checkpoint.

        Raises:
            ValueError: it does not fit the template.
            Damaged: it is not what was written.
        """
        path = self._folder / str(number)
        saved = digest.read(path).arrays
        if difference := digest.first_difference(saved, template):
            raise ValueError(
                f"{self._folder}: checkpoint {number} does not fit the configured model and optimiser ({difference}); "
                "resume with the configuration it was written with, or choose a new folder"
            )
        abstract = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), template)
        try:
            arrays = self._orbax.restore(path / _ARRAYS, args=self._ocp.args.StandardRestore(abstract))
        except Exception as error:  # orbax and what it uses raise errors of many types
            raise digest.Damaged(f"orbax cannot read it ({type(error).__name__})") from error
        if digest.array_digests(arrays) != saved:
            raise digest.Damaged("an array differs from the one saved")
        return arrays

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            shutil.rmtree(self._folder / str(number), ignore_errors=True)


def _shown(damaged: dict[int, str]) -> str:
    return ", ".join(f"{number} is damaged ({why})" for number, why in damaged.items())
