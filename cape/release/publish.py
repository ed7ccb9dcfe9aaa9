"""Publication: a run becomes a pretrained folder that anyone can load, judge and repeat."""

import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
from pathlib import Path

import flax
import jax
import numpy as np

import cape
from cape.config import load_json, to_dict
from cape.data import Data, DataConfig, prepare
from cape.datasets.opening import find_files, open_files
from cape.datasets.simulate.writer import write
from cape.datasets.trajectories import Trajectories
from cape.evaluation.files import read as read_evaluation
from cape.evaluation.evaluation import Evaluation
from cape.experiment import Experiment
from cape.pretrained import load, read_config, save
from cape.problem import Problem
from cape.release.model_card import ModelCard
from cape.surrogate import Surrogate, count_parameters

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LICENCE = re.compile(r"[A-Za-z0-9][\w .+()-]*")
_SAMPLE_BYTES, _MOST_SAMPLES = 200_000, 24


def publish(
    run: str | Path,
    out: str | Path,
    *,
    license: str = "Apache-2.0",
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write the pretrained folder `out` of a run that was trained and evaluated.

    It holds config.json and weights.safetensors (see `cape.load`), README.md (the model card), sample.hdf5 (a few
    test trajectories), training.json (the experiment) and split.json (the initial conditions trained and validated
    on). It appears whole or not at all. The run's data are needed; simulated ones are made again where they are
    gone.

    Args:
        license: of the weights (and of a simulated sample), an SPDX identifier.
        overwrite: replace a pretrained folder that is there.

    Raises:
        ValueError: not a finished run, or the data are not those it was trained on.
        FileExistsError: `out` is there and `overwrite` is false.
    """
    run, out = Path(run), Path(out)
    _check_target(out, license, overwrite)
    if not (run / "model").is_dir():
        raise ValueError(f"{run}: expected the folder of a run, with config.json and model/ in it")
    if not (run / "evaluation" / "evaluation.json").is_file():
        raise ValueError(f"{run}: has no evaluation yet; the command that trains it, run to the end, adds it")
    surrogate, evaluation = load(run), read_evaluation(run / "evaluation")
    experiment = load_json(Experiment, run / "config.json")
    data = prepare(experiment.data, progress=progress)
    digest = _check_data(run, surrogate, data, evaluation)
    files = tuple(path.name for path in find_files(experiment.data.files)) if experiment.data.files else ()
    experiment = dataclasses.replace(experiment, data=_portable(experiment.data, files))
    card = ModelCard(
        name=out.name,
        licence=license,
        problem=surrogate.problem,
        experiment=experiment,
        evaluation=evaluation,
        parameter_count=count_parameters(surrogate),
        samples=(data.training.samples, data.validation.samples, data.test.samples),
        files=files,
        training_sha256=digest,
        sample=sample_of(data.test, surrogate.window.history + 1),
        versions={"cape-jax": cape.__version__, "jax": jax.__version__, "flax": flax.__version__},
    )

    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        _write(partial, surrogate, card, data)
        _read_back(partial, surrogate)
        _put_in_place(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def sample_of(test: Trajectories, least: int = 2) -> Trajectories:
    """Choose a few trajectories, in turn from every parameter value, that fit into some hundred kilobytes.

    Where a single one does not, its first frames are taken, `least` of them at least.
    """
    frame = 4 * math.prod(test.fields.shape[2:])
    test = test.first_frames(int(np.clip(_SAMPLE_BYTES // frame, least, test.frames)))
    count = int(np.clip(_SAMPLE_BYTES // (frame * test.frames), 1, _MOST_SAMPLES))
    value = np.unique(test.parameters, axis=0, return_inverse=True)[1].reshape(-1)
    turn = np.array([np.count_nonzero(value[:i] == v) for i, v in enumerate(value)])
    return test.select(np.sort(np.lexsort((value, turn))[:count]))


def _check_target(out: Path, license: str, overwrite: bool) -> None:
    if not _NAME.fullmatch(out.name):
        raise ValueError(
            f"--out: expected a folder named by letters, digits, '_', '-' and '.', got {out.name!r}"
        )
    if not _LICENCE.fullmatch(license):
        raise ValueError(f"--license: expected an SPDX identifier such as Apache-2.0, got {license!r}")
    if not out.exists():
        return
    if not overwrite:
        raise FileExistsError(f"{out}: is there already; choose another name, or --overwrite to replace it")
    try:
        read_config(out)
    except ValueError as error:
        raise ValueError(
            f"{out}: is no pretrained folder, which alone --overwrite replaces; remove it yourself"
        ) from error


def _check_data(run: Path, surrogate: Surrogate, data: Data, evaluation: Evaluation) -> str:
    """Make sure that data and evaluation are the run's; give the hash of the training data."""
    fields = data.training.read()
    found = Problem.of(data.training)
    for field in dataclasses.fields(Problem):
        a, b = getattr(found, field.name), getattr(surrogate.problem, field.name)
        # the statistics of data simulated again on another machine differ by rounding
        if a != b and not (field.name.startswith("channel_") and np.allclose(a, b, rtol=1e-4, atol=1e-6)):
            raise ValueError(f"{run}: the data are not those it was trained on: {field.name} is {a}, was {b}")
    counts = (len(evaluation.times), sum(row.samples for row in evaluation.rows))
    predicted = data.test.frames - surrogate.window.history
    if counts != (predicted, data.test.samples):
        raise ValueError(
            f"{run / 'evaluation'}: {counts[1]} trajectories over {counts[0]} steps, expected the "
            f"{data.test.samples} that were kept from training over {predicted}; run `cape train` again"
        )
    digest = hashlib.sha256(np.ascontiguousarray(data.training.parameters, "<f8").tobytes())
    digest.update(np.ascontiguousarray(fields, "<f4"))
    return digest.hexdigest()


def _portable(config: DataConfig, files: tuple[str, ...]) -> DataConfig:
    """Name files without the folders they are in on this machine."""
    folder = "data" if Path(config.folder).is_absolute() else config.folder
    return dataclasses.replace(config, files=files, folder=folder)


def _write(folder: Path, surrogate: Surrogate, card: ModelCard, data: Data) -> None:
    errors = {kind: mean["nRMSE"] for kind, mean in card.evaluation.summary.items()}
    published = {
        "name": card.name,
        "licence": card.licence,
        "nRMSE": {kind: error if math.isfinite(error) else None for kind, error in errors.items()},
        "training_sha256": card.training_sha256,
        "versions": card.versions,
    }
    save(surrogate, folder, published=published)
    parts = {"training": data.training, "validation": data.validation}
    split = {name: np.unique(part.initial_conditions).tolist() for name, part in parts.items()}
    (folder / "split.json").write_text(json.dumps(split) + "\n", encoding="utf-8")
    settings = json.dumps(to_dict(card.experiment), indent=1)
    (folder / "training.json").write_text(settings + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card.text, encoding="utf-8")
    write(
        folder / "sample.hdf5",
        card.sample.read(),
        parameters=card.sample.parameters,
        parameter_names=card.sample.parameter_names,
        channel_names=card.sample.channel_names,
        coordinates=card.sample.coordinates,
        times=card.sample.times,
        initial_conditions=card.sample.initial_conditions,
        attributes={
            "equation": card.sample.equation,
            "boundary": ", ".join(card.sample.boundaries),
            "generator": f"cape publish {card.name}",
        },
    )


def _read_back(folder: Path, surrogate: Surrogate) -> None:
    """Make sure that what was written can be read, before it gets its name."""
    again = load(folder)
    if (again.problem, again.config) != (surrogate.problem, surrogate.config):
        raise ValueError(f"{folder}: does not read back as the surrogate it was written from")
    again.problem.check_trajectories(open_files(folder / "sample.hdf5"))


def _put_in_place(partial: Path, out: Path) -> None:
    old = partial.with_suffix(".old")
    if out.exists():
        os.replace(out, old)
    os.replace(partial, out)
    shutil.rmtree(old, ignore_errors=True)
