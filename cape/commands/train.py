"""cape train."""

import dataclasses
import importlib.resources
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from cape.commands.distributed import connected
from cape.commands.dry_run import dry_run
from cape.commands.session import prepare_jax, print_evaluation_folder
from cape.commands.settings import with_choices, without_choices
from cape.commands.start import FROM, FROM_HELP, run_name, settings_from, split_start
from cape.registry import nearest

if TYPE_CHECKING:
    from cape.experiment import Experiment

DEFAULT_PRESET, PRESET_FOR_FILES = "burgers1d", "auto"


def train(arguments: Sequence[str]) -> None:
    """Train a surrogate and evaluate it: cape train [PRESET | CONFIG] [--from MODEL] [--out DIR] [overrides]."""
    if list(arguments) == ["--list"]:
        print("\n".join(presets()))
        return
    options = read_options(
        arguments,
        "train",
        "Train a surrogate and evaluate it at parameter values it has never seen: cape train [PRESET | CONFIG] "
        f"[--from MODEL] [options]. {FROM_HELP}",
    )
    if options.dry_run:
        prepare_jax()
        dry_run(options.experiment)
        return
    with connected(options.coordinator, options.processes, options.process_index) as first:
        from cape.evaluation.error_tables import evaluation_text
        from cape.experiment import run

        prepare_jax()
        folder = Path(options.out)
        progress = first and not options.quiet
        evaluation = run(options.experiment, folder, progress=progress, figures=options.figures)
        if first:
            print(evaluation_text(evaluation))
            print_evaluation_folder(folder / "evaluation", options.figures)


def read_options(arguments: Sequence[str], command: str, description: str, suffix: str = "") -> Any:
    """Read the options of a training: its experiment, and the fields of `_options`.

    Args:
        arguments: the preset or configuration file, if the first one is no option, and the options.
        command, description: for the help.
        suffix: of the name of the default folder.

    Raises:
        ValueError: there is no such preset or file, or the start (see `settings_from`) cannot be read.
    """
    start, arguments = split_start(arguments)
    files = any(argument.split("=")[0] == "--data.files" for argument in arguments)
    named = bool(arguments) and not arguments[0].startswith("-")
    name = arguments.pop(0) if named else PRESET_FOR_FILES if files else DEFAULT_PRESET
    path = presets().get(name) or Path(name)
    if not path.is_file():
        raise ValueError(f"no preset or file {name!r}; {nearest(name, presets())}")
    out = path.absolute().parent.name if path.name == "config.json" else path.stem
    defaults = _read_experiment(path)
    if start:
        defaults, out = settings_from(start, defaults if named else None, new_data=files), run_name(start)
        name = f"{name} {FROM} {start}" if named else f"{FROM} {start}"
    options_of = {"train": _options_of_train, "sweep": _options_of_sweep}.get(command, _options)
    options: Any = tyro.cli(
        options_of(defaults, f"runs/{out}{suffix}"),
        args=arguments,
        prog=f"cape {command} {name}",
        description=f"{description} PRESET is one of {', '.join(presets())} (default: {PRESET_FOR_FILES} with "
        f"--data.files, else {DEFAULT_PRESET}); CONFIG is a .toml "
        "file or the config.json of a run. --import MODULE imports a module that registers further parts. The "
        f"defaults below are those of {name}.",
        config=(tyro.conf.CascadeSubcommandArgs,),
    )
    return dataclasses.replace(options, experiment=without_choices(options.experiment))


def presets() -> dict[str, Path]:
    """Return the presets that come with the package, sorted by name: name -> file."""
    folder = importlib.resources.files("cape.configs")
    paths = [Path(str(file)) for file in folder.iterdir() if file.name.endswith(".toml")]
    return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}


def _options(defaults: "Experiment", folder: str) -> type[Any]:
    """Return the options of a training with these defaults, as a dataclass."""
    default = with_choices(defaults, hidden=("start",))

    @dataclasses.dataclass(frozen=True)
    class Options:
        experiment: Annotated[type(default), tyro.conf.arg(name="")] = default  # type: ignore[valid-type]
        out: str = folder
        """folder of the run; a stopped run in this folder is continued"""
        figures: bool = True
        """draw figures of the evaluation (needs the extra `plot`)"""
        quiet: bool = False
        """show no progress bar"""

    return Options


def _options_of_train(defaults: "Experiment", folder: str) -> type[Any]:
    """Return the options of `cape train`: those of a training, a trial, and the processes that it runs in."""
    options = _options(defaults, folder)

    @dataclasses.dataclass(frozen=True)
    class TrainOptions(options):  # type: ignore[misc,valid-type]
        dry_run: bool = False
        """print weights, memory of a device, seconds of an update and the whole time, and write nothing"""
        coordinator: str = os.environ.get("JAX_COORDINATOR_ADDRESS", "")
        """HOST:PORT of the first of several processes, or `auto` to ask the launcher (Slurm, Open MPI, Kubernetes,
        Cloud TPU); the default is the environment variable JAX_COORDINATOR_ADDRESS"""
        processes: int = int(os.environ.get("JAX_NUM_PROCESSES", "0"))
        """number of processes of the training (JAX_NUM_PROCESSES)"""
        process_index: int = int(os.environ.get("JAX_PROCESS_ID", "-1"))
        """index of this process, from 0 (JAX_PROCESS_ID)"""

    return TrainOptions


def _options_of_sweep(defaults: "Experiment", folder: str) -> type[Any]:
    """Return the options of `cape sweep`: those of a training, and which of the runs is to be trained."""
    options = _options(defaults, folder)

    @dataclasses.dataclass(frozen=True)
    class SweepOptions(options):  # type: ignore[misc,valid-type]
        index: int = -1
        """train only this run of the sweep, counted from 0, so that the tasks of a job array share a sweep; -1: all"""

    return SweepOptions


def _read_experiment(path: Path) -> "Experiment":
    from cape.config import load_json, load_toml
    from cape.experiment import Experiment

    return load_json(Experiment, path) if path.suffix == ".json" else load_toml(Experiment, path)
