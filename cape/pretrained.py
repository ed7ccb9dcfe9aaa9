"""Pretrained folders: `config.json` (problem and architecture) beside `weights.safetensors`."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cape.config import from_dict, to_dict
from cape.models import ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate

FORMAT = 1


def save(surrogate: Surrogate, folder: Path) -> None:
    """Write a surrogate to `folder`: first the weights, then the config, each whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: np.asarray(array) for name, array in _flat(surrogate).items()}
    _replace(folder / "weights.safetensors", lambda path: save_file(weights, path))
    config = {
        "format": FORMAT,
        "problem": dataclasses.asdict(surrogate.problem),
        "model": to_dict(surrogate.config),
    }
    _replace(folder / "config.json", lambda path: path.write_text(json.dumps(config, indent=1) + "\n"))


def load(path: str | Path) -> Surrogate:
    """Load a surrogate from a pretrained folder or from the folder of a run.

    Returns it ready for `.at(parameters)` and `.rollout(u0, parameters, steps)`. Nothing in the folder is
    executed: it holds JSON and plain arrays.

    Raises:
        ValueError: a file is missing or damaged, weights do not match the config, or the format is newer.
    """
    folder = Path(path)
    if (folder / "model" / "config.json").is_file():
        folder = folder / "model"
    config = _read_config(folder)
    try:
        weights = load_file(folder / "weights.safetensors")
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{folder / 'weights.safetensors'}: missing or damaged ({error})") from error
    try:
        problem, model = (
            Problem.from_dict(config["problem"]),
            from_dict(ModelConfig, config["model"], "model"),
        )
    except KeyError as error:
        raise ValueError(
            f"{folder / 'config.json'}: expected the keys problem and model, found no {error}"
        ) from error
    surrogate = nnx.eval_shape(lambda: Surrogate(problem, model, rngs=nnx.Rngs(0)))
    _fill(surrogate, weights, folder)
    return surrogate


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        raise ValueError(
            f"{folder}: expected a pretrained folder (config.json and weights.safetensors) or a run's folder that "
            "holds one as model/"
        )
    try:
        config = json.loads(file.read_text())
        version = config["format"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: not the config.json of a pretrained folder ({error!r})") from error
    if version != FORMAT:
        raise ValueError(f"{file}: format {version!r}, this version of cape reads {FORMAT}; upgrade cape-jax")
    return config


def _flat(surrogate: Surrogate) -> dict[str, Any]:
    """List all arrays of a surrogate under dotted names."""
    state = nnx.to_flat_state(nnx.state(surrogate))
    return {".".join(map(str, path)): variable[...] for path, variable in state}


def _fill(surrogate: Surrogate, weights: dict[str, np.ndarray], folder: Path) -> None:
    state = nnx.state(surrogate)
    flat = {".".join(map(str, path)): variable for path, variable in nnx.to_flat_state(state)}
    missing, unknown = sorted(set(flat) - set(weights)), sorted(set(weights) - set(flat))
    if missing or unknown:
        raise ValueError(
            f"{folder / 'weights.safetensors'}: does not match config.json; missing {missing[:5]}, "
            f"unknown {unknown[:5]}"
        )
    for name, variable in flat.items():
        expected, found = (variable.shape, variable.dtype), (weights[name].shape, weights[name].dtype)
        if expected != found:
            raise ValueError(f"{folder / 'weights.safetensors'}: {name}: expected {expected}, got {found}")
        variable.set_value(jnp.asarray(weights[name]))
    nnx.update(surrogate, state)


def _replace(path: Path, write) -> None:
    partial = path.with_name(path.name + ".part")
    write(partial)
    os.replace(partial, path)
