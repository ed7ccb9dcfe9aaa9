"""The command line: `cape COMMAND ...`. Every mistake a user can make ends in one line and a non-zero exit."""

import dataclasses
import difflib
import importlib.resources
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import tyro

DEFAULT_PRESET = "burgers1d"
Files = Annotated[tuple[str, ...], tyro.conf.Positional]


def train(arguments: Sequence[str]) -> None:
    """Train a surrogate and evaluate it: cape train [PRESET | CONFIG] [--out DIR] [overrides].

    PRESET is a name (`cape train --list`), CONFIG a .toml file or the config.json of a run; every setting can be
    overridden (`cape train PRESET --help`).
    """
    from cape import report
    from cape.config import load_json, load_toml
    from cape.experiment import Experiment, run

    arguments = list(arguments)
    if arguments == ["--list"]:
        print("\n".join(sorted(presets())))
        return
    name = arguments.pop(0) if arguments and not arguments[0].startswith("-") else DEFAULT_PRESET
    path = presets().get(name) or Path(name)
    if not path.is_file():
        raise ValueError(f"no preset or file {name!r}{_nearest(name, presets())}")
    preset = load_json(Experiment, path) if path.suffix == ".json" else load_toml(Experiment, path)

    @dataclasses.dataclass(frozen=True)
    class Train:
        """Train a surrogate and evaluate it on parameters it has never seen."""

        experiment: Annotated[Experiment, tyro.conf.arg(name="")] = preset
        out: str = f"runs/{path.stem}"
        """folder of the run; a run stopped there goes on"""
        figures: bool = True
        """draw figures of the evaluation (needs the extra `plot`)"""
        quiet: bool = False
        """no progress bar"""

    asked = tyro.cli(
        Train, args=arguments, prog=f"cape train {name}", config=(tyro.conf.CascadeSubcommandArgs,)
    )
    evaluation = run(asked.experiment, Path(asked.out), progress=not asked.quiet, figures=asked.figures)
    print(report.table(evaluation))
    print(f"figures, evaluation.json and evaluation.csv are in {Path(asked.out) / 'evaluation'}")


def evaluate(
    model: Annotated[str, tyro.conf.Positional],
    /,
    data: tuple[str, ...],
    out: str,
    space_stride: int = 1,
    time_stride: int = 1,
    steps: int = 0,
    all_samples: bool = False,
    figures: bool = True,
) -> None:
    """Measure how a surrogate does at the parameter values of files, seen in training or not.

    Args:
        model: folder of a run or of a pretrained surrogate.
        data: files or folders, evaluated together.
        out: folder for evaluation.json, evaluation.csv and figures.
        space_stride: use every n-th point of each axis.
        time_stride: use every n-th frame.
        steps: number of steps to roll out; 0 for all the files have.
        all_samples: also evaluate on initial conditions the run was trained or validated on.
        figures: draw figures.
    """
    from cape import canvas, plots, report
    from cape.datasets.opening import open_files
    from cape.evaluation import evaluate as measure
    from cape.pretrained import load

    if figures:
        canvas.require()
    surrogate = load(model)
    trajectories = open_files(list(data)).subsample(space=space_stride, time=time_stride)
    surrogate.problem.check_trajectories(trajectories)
    if not all_samples:
        trajectories = _untrained(Path(model), trajectories)
    values = surrogate.problem.training_values
    evaluation = measure(surrogate.at, trajectories, values, steps=steps or None)
    report.write(evaluation, out)
    if figures:
        plots.write_figures(evaluation, out)
    print(report.table(evaluation))


def predict(
    model: Annotated[str, tyro.conf.Positional],
    /,
    initial: tuple[str, ...],
    out: str,
    steps: int,
    parameter: tuple[str, ...] = (),
    samples: int = 0,
    space_stride: int = 1,
    overwrite: bool = False,
) -> None:
    """Roll a surrogate out from the first frames of files, and write what it predicts in their layout.

    Args:
        model: folder of a run or of a pretrained surrogate.
        initial: files or folders; the first frame of every sample is an initial condition.
        out: file to write; every reader here opens it.
        steps: number of steps to predict.
        parameter: values to predict at, such as Nu=0.03; parameters left out keep the files' values.
        samples: use the first n samples; 0 for all.
        space_stride: use every n-th point of each axis.
        overwrite: replace the file if it is there.
    """
    from cape.prediction import predict as write_prediction

    print(write_prediction(model, initial, out, steps, parameter, samples, space_stride, overwrite=overwrite))


def inspect(files: Files, /, check_values: bool = False) -> None:
    """Describe files: axes, names, parameters, boundaries, times and what to beware of.

    Args:
        files: files or folders, described one by one and together.
        check_values: read all fields and report NaN and infinity.
    """
    from cape.datasets.opening import inspect as describe

    print(describe(list(files), check_values=check_values))


def simulate(
    equation: Annotated[str, tyro.conf.Positional],
    /,
    parameter: tuple[str, ...],
    samples: int = 100,
    out: str = "data",
    seed: int = 0,
    resolution: int = 128,
    frames: int = 41,
    t_end: float = 2.0,
    overwrite: bool = False,
) -> None:
    """Simulate an equation and write files in PDEBench's layout.

    Args:
        equation: advection, burgers or reaction-diffusion.
        parameter: values, such as Nu=0.01,0.1 (a file each) or Nu=loguniform:1e-3:1 (one value per sample).
        samples: trajectories per file.
        out: folder for the files.
        seed: everything random follows from it.
        resolution: grid points.
        frames: frames, the initial condition included.
        t_end: time of the last frame.
        overwrite: replace files that are there.
    """
    from cape.datasets.simulate.simulation import simulate as solve
    from cape.experiment import assignment

    values = dict(assignment(text, "--parameter") for text in parameter)
    sizes = {"seed": seed, "resolution": resolution, "frames": frames, "t_end": t_end}
    for path in solve(equation, Path(out), values, samples, overwrite=overwrite, **sizes):
        print(path)


def download(names: Files, /, out: str = "data") -> None:
    """Download published PDEBench files by name or pattern; resumes, and verifies every file.

    Args:
        names: such as 1D_Burgers_Sols_Nu0.01.hdf5 or '1D_Advection_*'.
        out: folder for the files.
    """
    from cape.datasets.download import download as fetch

    for path in fetch(list(names), Path(out)):
        print(path)


COMMANDS: dict[str, Callable] = {
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "inspect": inspect,
    "simulate": simulate,
    "download": download,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give the exit status: 0, 1 after a mistake that was named, 2 for an unknown command."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command = arguments.pop(0) if arguments else "--help"
    if command in ("-h", "--help"):
        print(_overview())
        return 0
    if command == "--version":
        from cape import __version__

        print(__version__)
        return 0
    if command not in COMMANDS:
        print(f"cape: unknown command {command!r}{_nearest(command, COMMANDS)}", file=sys.stderr)
        return 2
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    try:
        _cache_compilations()
        if command == "train":
            train(arguments)
        else:
            tyro.cli(COMMANDS[command], args=arguments, prog=f"cape {command}")
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        if os.environ.get("CAPE_TRACEBACK"):
            raise
        print(f"cape {command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\ncape {command}: interrupted; the same command goes on from the last checkpoint",
            file=sys.stderr,
        )
        return 130
    return 0


def presets() -> dict[str, Path]:
    """List the presets that come with the package: name -> file."""
    folder = importlib.resources.files("cape.configs")
    return {Path(str(f)).stem: Path(str(f)) for f in folder.iterdir() if f.name.endswith(".toml")}


def _untrained(model: Path, trajectories):
    """Leave out the initial conditions a run was trained or validated on, as far as its folder tells."""
    from cape.config import load_json
    from cape.experiment import Experiment, prepare

    if not (model / "config.json").is_file() or not (model / "model").is_dir():
        return trajectories
    data = prepare(load_json(Experiment, model / "config.json").data)
    if data.training.equation != trajectories.equation:
        return trajectories
    import numpy as np

    known = np.union1d(data.training.initial_conditions, data.validation.initial_conditions)
    fresh = ~np.isin(trajectories.initial_conditions, known)
    if not fresh.any():
        raise ValueError(
            "every initial condition of these files was trained or validated on; --all-samples evaluates on them"
        )
    if not fresh.all():
        print(f"left out {(~fresh).sum()} of {len(fresh)} samples: their initial conditions were trained on")
    return trajectories.select(np.flatnonzero(fresh))


def _cache_compilations() -> None:
    """Keep compiled programs on disk, so that the next run of the same shapes starts at once."""
    import jax

    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(Path.home() / ".cache" / "cape-jax")
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _overview() -> str:
    lines = ["usage: cape COMMAND ...; cape COMMAND --help says more", ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<10}{(command.__doc__ or '').splitlines()[0]}")
    return "\n".join(lines)


def _nearest(found: str, known) -> str:
    near = difflib.get_close_matches(found, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
