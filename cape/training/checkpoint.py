"""Checkpoints of a training in progress, and how a stopped run resumes from them. No other file imports orbax."""

import json
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from cape.training import digest
from cape.training.environment import check_precision, differences, environment
from cape.training.processes import first, replacing_together

_ARRAYS = "default"  # the folder of a checkpoint in which orbax writes the arrays
_NOTES = "notes.json"  # the environment, and what the training adds
_ENVIRONMENT = "environment"
_KEPT = 2


class Restored(NamedTuple):
    """A checkpoint that was read.

    Attributes:
        number: its number.
        arrays: the pytree of its arrays.
        notes: the plain data that were saved with it.
    """

    number: int
    arrays: Any
    notes: dict[str, Any]


class Checkpoints:
    """Save and restore numbered checkpoints, each a pytree of arrays. The newest and the one before it are kept.

    Saving is atomic: if the process is killed while it saves, the previous checkpoints can still be loaded. Digests of
    all arrays and files are saved with them, and verified before orbax reads a file. So is the environment of the
    process (see `environment`), which is compared when the checkpoint is restored.

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

    def save(self, number: int, state: Any, notes: dict[str, Any] | None = None) -> None:
        """Save a state, in place of a checkpoint of the same number, and wait until it is on disk.

        Args:
            number: of the checkpoint.
            state: a pytree of arrays.
            notes: plain data to save with it.
        """
        with replacing_together(self._folder / str(number)) as temporary:
            self._orbax.save(temporary / _ARRAYS, args=self._ocp.args.StandardSave(state))
            if first():
                text = json.dumps({_ENVIRONMENT: environment()} | (notes or {}), indent=1)
                (temporary / _NOTES).write_text(text + "\n", encoding="utf-8")
                digest.write(temporary, state)
        self._remove(self.numbers()[_KEPT:])

    def restore(self, template: Any) -> Restored | None:
        """Restore the newest checkpoint that is not damaged; return None without any checkpoint.

        The arrays get the structure, shapes and dtypes of `template`. Damaged checkpoints that are newer are removed.

        Warns:
            UserWarning: the newest checkpoint is damaged, or it was written in another environment, so that the result
                will not be bitwise that of an uninterrupted training.

        Raises:
            ValueError: a checkpoint belongs to another model or optimiser or was written in the other mode of
                precision, or all are damaged.
        """
        damaged: dict[int, str] = {}
        for number in self.numbers():
            try:
                restored = self._read(number, template)
            except digest.Damaged as error:
                damaged[number] = str(error)
                continue
            if damaged:
                warnings.warn(
                    f"{self._folder}: checkpoint {_shown(damaged)}; the run goes on from checkpoint {number}",
                    stacklevel=2,
                )
                self._remove(damaged)
            self._remove(self.numbers()[_KEPT:])  # a process may have been killed before it removed them
            self._warn_of_changes(restored)
            return restored
        if damaged:
            raise ValueError(
                f"{self._folder}: no checkpoint can be read: {_shown(damaged)}; restore the folder from a copy, or "
                "remove it and train anew"
            )
        return None

    def close(self) -> None:
        self._orbax.close()

    def _read(self, number: int, template: Any) -> Restored:
        """Read and verify a checkpoint.

        Raises:
            ValueError: it does not fit the template or the precision of this process.
            Damaged: it is not what was written.
        """
        path = self._folder / str(number)
        saved = digest.read(path).arrays
        notes = _read_notes(path / _NOTES)
        try:
            check_precision(notes.get(_ENVIRONMENT, {}), environment())
        except ValueError as error:
            raise ValueError(f"{self._folder}: {error}") from None
        if difference := digest.first_difference(saved, template):
            raise ValueError(
                f"{self._folder}: checkpoint {number} does not fit the configured model and optimiser ({difference}); "
                "resume with the configuration it was written with, or choose a new folder"
            )
        # arrays of numpy, because the devices that they were on need not be here
        abstract = jax.tree.map(lambda a: np.empty(a.shape, a.dtype), template)
        try:
            arrays = self._orbax.restore(path / _ARRAYS, args=self._ocp.args.StandardRestore(abstract))
        except Exception as error:  # orbax and what it uses raise errors of many types
            raise digest.Damaged(f"orbax cannot read it ({type(error).__name__})") from error
        if digest.array_digests(arrays) != saved:
            raise digest.Damaged("an array differs from the one saved")
        return Restored(number, arrays, notes)

    def _warn_of_changes(self, restored: Restored) -> None:
        """Warn if the present environment may give other bits than the one that a checkpoint was written in."""
        if changed := differences(restored.notes.get(_ENVIRONMENT, {}), environment()):
            warnings.warn(
                f"{self._folder}: the run goes on in another environment than checkpoint {restored.number} was written "
                f"in ({'; '.join(changed)}); its result will not be bitwise that of an uninterrupted run",
                stacklevel=3,
            )

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers if first() else ():
            shutil.rmtree(self._folder / str(number), ignore_errors=True)


def _read_notes(file: Path) -> dict[str, Any]:
    """Return the notes of a checkpoint; those written before there were notes have none."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _shown(damaged: dict[int, str]) -> str:
    return ", ".join(f"{number} is damaged ({why})" for number, why in damaged.items())
