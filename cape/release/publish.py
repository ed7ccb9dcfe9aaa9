"""Publication: make a pretrained folder from a run, so that others can load, judge and repeat it."""

import json
import math
import re
from pathlib import Path

from cape.atomic import replacing
from cape.config import load_json, to_dict
from cape.data import Data, prepare
from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.lock import locked_path
from cape.datasets.opening import open_files
from cape.datasets.split_file import write_split
from cape.evaluation import files as evaluation_files
from cape.experiment import Experiment
from cape.pretrained import WEIGHTS, load, read_config, save
from cape.release.card_text import card_text
from cape.release.model_card import ModelCard
from cape.release.sample import write_sample
from cape.release.training_data import check_training_data
from cape.surrogate import Surrogate
from cape.training.start import leave_out_known, record_before

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LICENCE = re.compile(r"[A-Za-z0-9][\w .+()-]*")


def publish(
    run: str | Path,
    out: str | Path,
    *,
    license: str = "Apache-2.0",
    overwrite: bool = False,
    address: str = "",
    progress: bool = True,
) -> Path:
    """Write the pretrained folder `out` of a run that was trained and evaluated.

    The folder holds config.json and weights.safetensors (see `cape.load`), README.md (the model card), sample.hdf5 (a
    few test trajectories), training.json (the experiment) and split.json (the initial conditions used for training and
    validation). It is written atomically. The data of the run are needed; simulated data are made again if missing.

    Args:
        run: folder of the run.
        out: folder to write; its name becomes the name of the surrogate.
        license: of the weights (and of a simulated sample), an SPDX identifier.
        overwrite: replace an existing pretrained folder.
        address: what users of the model card load, such as hf://OWNER/NAME; default: the name.
        progress: show a progress bar if data are simulated.

    Raises:
        ValueError: the run is not finished, or the data are not those it was trained on.
        FileExistsError: `out` exists and `overwrite` is false.
        FolderInUse: another process is writing `out`.
    """
    run, out = Path(run), Path(out)
    _check_target(out, license, overwrite)
    _check_finished(run)
    surrogate, evaluation = load(run), evaluation_files.read(run / "evaluation")
    experiment = load_json(Experiment, run / "config.json")
    data = leave_out_known(prepare(experiment.data, progress=progress), record_before(surrogate))
    check_training_data(run, surrogate, data, evaluation)
    names = {"name": out.name, "address": address or out.name, "licence": license}
    card = ModelCard.of(surrogate, experiment, data, evaluation, **names)
    with locked_path(out), replacing(out) as folder:
        _write_folder(folder, surrogate, card, data)
        _check_readable(folder, surrogate)
    return out


def is_published(folder: str | Path) -> bool:
    """Return whether a folder is one that `publish` wrote.

    Raises:
        ValueError: the folder has weights, and its config.json cannot be read.
    """
    folder = Path(folder)
    return (folder / WEIGHTS).is_file() and "publication" in read_config(folder)


def _check_target(out: Path, license: str, overwrite: bool) -> None:
    if not _NAME.fullmatch(out.name):
        raise ValueError(
            f"out: expected a folder named by letters, digits, '_', '-' and '.', got {out.name!r}"
        )
    if not _LICENCE.fullmatch(license):
        raise ValueError(f"license: expected an SPDX identifier such as Apache-2.0, got {license!r}")
    if not out.exists():
        return
    if not overwrite:
        raise FileExistsError(f"{out}: already exists; choose another name or set overwrite to replace it")
    try:
        read_config(out)
    except ValueError as error:
        raise ValueError(
            f"{out}: not a pretrained folder; overwrite replaces pretrained folders only, so remove it yourself"
        ) from error


def _check_finished(run: Path) -> None:
    if not (run / "model").is_dir():
        raise ValueError(f"{run}: expected the folder of a run, with config.json and model/ in it")
    if not (run / "evaluation" / "evaluation.json").is_file():
        raise ValueError(f"{run}: has no evaluation yet; run the command that trains it to its end")


def _write_folder(folder: Path, surrogate: Surrogate, card: ModelCard, data: Data) -> None:
    """Write all files of a pretrained folder."""
    save(surrogate, folder, publication=_publication(card))
    parts = (data.training.initial_conditions, data.validation.initial_conditions)
    record = ConditionRecord.of((data.training, data.validation), record_before(surrogate))
    write_split(folder, *parts, record=record)
    settings = json.dumps(to_dict(card.experiment), indent=1)
    (folder / "training.json").write_text(settings + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card_text(card), encoding="utf-8")
    write_sample(folder / "sample.hdf5", card.sample, f"cape publish {card.name}")


def _publication(card: ModelCard) -> dict:
    """Return the record that config.json holds for readers."""
    errors = {kind: mean["nRMSE"] for kind, mean in card.evaluation.summary.items()}
    return {
        "name": card.name,
        "licence": card.licence,
        "nRMSE": {kind: error if math.isfinite(error) else None for kind, error in errors.items()},
        "training_sha256": card.training_sha256,
        "versions": card.versions,
    }


def _check_readable(folder: Path, surrogate: Surrogate) -> None:
    """Raise ValueError unless the folder can be read back as the surrogate it was written from."""
    again = load(folder)
    if (again.problem, again.config) != (surrogate.problem, surrogate.config):
        raise ValueError(f"{folder}: does not read back as the surrogate it was written from")
    again.problem.check_trajectories(open_files(folder / "sample.hdf5"))
