"""Pretrained folders: `config.json` (problem and architecture) and `weights.safetensors`."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from flax import nnx

from cape.adaptation.adaptation import Adaptation
from cape.atomic import write_bytes
from cape.config import from_dict, to_dict
from cape.datasets.bounded_text import read_json
from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.split_file import FILE as SPLIT
from cape.datasets.split_file import read_record, read_split, write_split
from cape.identification.equation import IdentifiedEquation
from cape.locate import check_inside, locate
from cape.model import weights as weights_file
from cape.model.conditioning import CONDITIONINGS
from cape.model.config import ModelConfig
from cape.model.lineage import read_lineage
from cape.model.stored_state import check_fit, fill, weight_bytes
from cape.problem import Problem
from cape.solvers.solver import SOLVERS
from cape.surrogate import Surrogate
from cape.uncertainty.record import read_uncertainty
from cape.uncertainty.rollout_features import count_features

FORMAT = 3
CONFIG, WEIGHTS = "config.json", "weights.safetensors"
MODEL = "model"  # the pretrained folder inside the folder of a run


def save(surrogate: Surrogate, folder: Path, *, publication: dict[str, Any] | None = None) -> None:
    """Write a surrogate to `folder`: first the weights, then the configuration, each file atomically.

    Args:
        publication: what `cape publish` adds to the configuration for readers. The hash of the weights is added to it,
            and `load` then accepts no other weights.

    Raises:
        ValueError: an array is not finite. Nothing is then written.
    """
    weights = weight_bytes(surrogate)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / WEIGHTS, weights)
    config = {
        "format": FORMAT,
        "problem": dataclasses.asdict(surrogate.problem),
        "model": to_dict(surrogate.config),
    }
    if surrogate.equation is not None:
        config["equation"] = dataclasses.asdict(surrogate.equation)
    if surrogate.adaptation is not None:
        config["adaptation"] = dataclasses.asdict(surrogate.adaptation)
    if surrogate.lineage:
        config["lineage"] = [dataclasses.asdict(stage) for stage in surrogate.lineage]
    if publication is not None:
        config["publication"] = publication | {"weights_sha256": hashlib.sha256(weights).hexdigest()}
    write_bytes(folder / CONFIG, (json.dumps(config, indent=1) + "\n").encode())
    if surrogate.trained_on is not None:
        write_split(folder, surrogate.trained_on, (), record=surrogate.condition_record)
    if surrogate.uncertainty is not None:
        surrogate.uncertainty.save(folder)


def load(path: str | Path) -> Surrogate:
    """Load a surrogate from a pretrained folder or a run, by the name of a shipped one, or from a hub.

    `load("burgers1d")` works offline. `load("hf://OWNER/NAME")` needs the extra `hub`. See `locate`.

    The folder holds JSON and plain arrays, and no code of it is executed. If the model has a part that was
    registered by a module of yours, import that module before.

    The first rollout of each shape is compiled. JAX keeps compiled programs if the environment sets
    JAX_COMPILATION_CACHE_DIR and JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0. The command line sets both.

    Raises:
        ValueError: nothing has this name, a file is missing, damaged or of another format, the weights do not match
            the configuration or are not finite, or the model has a part that is not registered.
    """
    folder = locate(path)
    for name in (CONFIG, WEIGHTS, SPLIT):
        check_inside(folder, folder / name)
    config = read_config(folder)
    problem, model = _read_problem(folder, config), _read_model(folder, config)
    header = weights_file.read_header(folder / WEIGHTS)
    equation = _read_part(IdentifiedEquation, "equation", folder, config)
    adaptation = _read_part(Adaptation, "adaptation", folder, config)
    surrogate = _build(problem, model, folder, equation=equation, adaptation=adaptation)
    check_fit(surrogate, header, folder / WEIGHTS)
    fill(surrogate, weights_file.read(folder / WEIGHTS, _published_digest(config, folder)), folder / WEIGHTS)
    surrogate.lineage = read_lineage(config.get("lineage", []), f"{folder / CONFIG}: lineage")
    surrogate.trained_on, surrogate.condition_record = read_conditions(folder)
    surrogate.uncertainty = read_uncertainty(folder, problem, count_features(problem, model.members))
    return surrogate


def read_conditions(folder: Path) -> tuple[tuple[int, ...] | None, ConditionRecord | None]:
    """Return the `trained_on` and `condition_record` of the surrogate in a pretrained folder.

    Raises:
        ValueError: the file with them is damaged.
    """
    # The split is beside the weights in a published folder, and one folder up in the folder of a run.
    split_folder = folder if folder.name != MODEL or (folder / SPLIT).exists() else folder.parent
    return read_split(split_folder), read_record(split_folder)


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config.json of a pretrained folder.

    Raises:
        ValueError: the file is missing, damaged, or of another format.
    """
    file = folder / CONFIG
    try:
        config = read_json(file)
        version = config["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: not the config.json of a pretrained folder ({error!r})") from error
    if version != FORMAT:
        advice = "the file is damaged, or another program wrote it"
        if type(version) is int and version > 0:
            old = "train the surrogate again with the command on its model card, or use cape-jax 0.1"
            advice = "upgrade cape-jax" if version > FORMAT else old
        raise ValueError(f"{file}: format {version!r}, this version of cape reads {FORMAT}; {advice}")
    for key in ("problem", "model", "equation", "adaptation", "publication"):
        if (key in ("problem", "model") or key in config) and not isinstance(config.get(key), dict):
            raise ValueError(f"{file}: expected a table {key!r}, got {config.get(key)!r}")
    return config


def summary(folder: Path, *, size: int | None = None) -> str:
    """Describe a pretrained folder in one line: equation, ranges of parameters, grid, model, errors and size.

    Args:
        size: of the weights in bytes; None: that of the file in the folder.

    Raises:
        ValueError: config.json cannot be read, see `load`.
    """
    config = read_config(folder)
    problem, model = _read_problem(folder, config), _read_model(folder, config)
    errors = config.get("publication", {}).get("nRMSE", {})
    grid = " x ".join(map(str, problem.resolution))
    parts = [
        problem.equation,
        ", ".join(problem.ranges),
        f"{grid} points",
        f"{model.window.predicted(problem.steps + 1, problem.equation)} steps of {problem.dt:.4g}"
        + (f" after {model.history} frames" if model.history > 1 else ""),
        f"{CONDITIONINGS.name_of(type(model.conditioning))} around {SOLVERS.name_of(type(model.base))}",
        f"{model.members} members" if model.members > 1 else "",
        *[f"nRMSE {k} {errors[k]:.3g}" for k in ("seen", "unseen") if isinstance(errors.get(k), float)],
        f"{((folder / WEIGHTS).stat().st_size if size is None else size) / 1000:.0f} kB",
    ]
    return "; ".join(part for part in parts if part)


def _read_problem(folder: Path, config: dict[str, Any]) -> Problem:
    try:
        return Problem.from_dict(config["problem"])
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from None


def _read_model(folder: Path, config: dict[str, Any]) -> ModelConfig:
    return from_dict(ModelConfig, config["model"], f"{folder / CONFIG}: model")


def _published_digest(config: dict[str, Any], folder: Path) -> str | None:
    """Return the digest that `cape publish` wrote into config.json, or None if the folder was not published."""
    digest = config.get("publication", {}).get("weights_sha256")
    if digest is not None and not isinstance(digest, str):
        raise ValueError(f"{folder / CONFIG}: publication.weights_sha256: expected a text, got {digest!r}")
    return digest


def _read_part(part: type, name: str, folder: Path, config: dict[str, Any]) -> Any:
    """Read a part that not every surrogate has, or None."""
    return from_dict(part, config[name], f"{folder / CONFIG}: {name}") if name in config else None


def _build(problem: Problem, model: ModelConfig, folder: Path, **parts: Any) -> Surrogate:
    """Build a surrogate without allocating its arrays."""
    try:
        return nnx.eval_shape(lambda: Surrogate(problem, model, **parts, rngs=nnx.Rngs(0)))
    except Exception as error:  # the parts of a model, which may be a user's, raise errors of many types
        why = " ".join(str(error).split())[:300]
        raise ValueError(f"{folder / CONFIG}: describes a model that cannot be built ({why})") from error
