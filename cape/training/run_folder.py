"""The folder of a run: what it was started with, and whether it may be continued."""

import hashlib
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from cape.atomic import write_text
from cape.config import differences, flat, load_json, to_dict
from cape.datasets import split_file
from cape.datasets.fingerprint import fingerprint
from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.split_file import read_fingerprints, write_split
from cape.datasets.trajectories import Trajectories
from cape.training import log
from cape.training.environment import versions

CONFIG = "config.json"
# Settings that may change when a run is resumed: the weights do not depend on them, but for rounding.
_MAY_CHANGE = (
    "training.checkpoint_minutes",
    "training.divergence_retries",
    "training.trackers",
    "training.mesh.batch",
    "training.mesh.space",
    "training.mesh.members",
    "training.mesh.weights",
)
_SHORT = 32  # characters
_COMPARED_BY_CONTENT = ("data.files", "data.folder", "data.trusted")  # by the fingerprints of the data


def refuse_other(experiment: Any, folder: Path) -> None:
    """Check that a folder does not hold a run of another configuration with at least one checkpoint.

    Files may have moved or have other names: `claim` compares the data themselves.

    Raises:
        ValueError: it does; the message names settings that differ.
    """
    file = folder / CONFIG
    if not (file.exists() and _has_checkpoint(folder)):
        return
    recorded = load_json(type(experiment), file)
    may_change = _MAY_CHANGE + (_COMPARED_BY_CONTENT if read_fingerprints(folder) else ())
    if recorded.start.weights_sha256 == experiment.start.weights_sha256:
        may_change += ("start.model",)
    if differing := differing_settings(recorded, experiment, may_change):
        more = "; for more epochs, start another run from this one" if "training.epochs" in differing else ""
        raise ValueError(
            f"{folder}: holds a run of another configuration ({differing}); choose another folder, or remove it{more}"
        )


def differing_settings(recorded: Any, experiment: Any, may_change: Collection[str] = _MAY_CHANGE) -> str:
    """Name settings in which two configurations differ, three at most; return an empty text if there is none.

    Settings on which the weights do not depend may change, and are left out.
    """
    differing = [
        text for text in differences(recorded, experiment) if text.partition(":")[0] not in may_change
    ]
    return ", ".join(differing[:3]) + (f" and {len(differing) - 3} more" if differing[3:] else "")


def claim(
    experiment: Any,
    training: Trajectories,
    validation: Trajectories,
    folder: Path,
    earlier: ConditionRecord | None = None,
) -> None:
    """Write config.json, and split.json with the initial conditions of the training and the validation data.

    Args:
        earlier: initial conditions of the surrogate that the training starts from.

    Raises:
        ValueError: the folder holds another run (see `refuse_other`), or a run that was started on other data.
    """
    refuse_other(experiment, folder)
    fingerprints = (fingerprint(training), fingerprint(validation))
    if _has_checkpoint(folder) and read_fingerprints(folder) not in ((), fingerprints):
        raise ValueError(
            f"{folder}: holds a run that was started on other data (names, parameters, grid, times, initial "
            "conditions or frames differ); resume it with the data it was started with, or choose another folder"
        )
    record = ConditionRecord.of((training, validation), earlier)
    write_split(folder, training.initial_conditions, validation.initial_conditions, fingerprints, record)
    write_text(folder / CONFIG, json.dumps(to_dict(experiment), indent=1) + "\n")


def facts(experiment: Any, training: Trajectories, validation: Trajectories) -> dict[str, Any]:
    """Return what must be equal in all processes of a training: settings, data, and versions of packages.

    Files may have other names on every machine. Long values are replaced by their digests.
    """
    settings = {name: _short(value) for name, value in flat(to_dict(experiment))}
    settings = {name: value for name, value in settings.items() if name not in _COMPARED_BY_CONTENT}
    parts = {"training data": training, "validation data": validation}
    digests = {f"digest of the {name}": fingerprint(data)[:_SHORT] for name, data in parts.items()}
    return versions() | settings | digests


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHORT else f"digest {hashlib.sha256(text.encode()).hexdigest()[:_SHORT]}"


def abandon(folder: Path) -> None:
    """Remove the files of a run that stopped before its first checkpoint."""
    if _has_checkpoint(folder):
        return
    for name in (CONFIG, split_file.FILE, log.FILE):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _has_checkpoint(folder: Path) -> bool:
    return any(path.name.isdigit() for path in folder.glob("checkpoints/*"))
