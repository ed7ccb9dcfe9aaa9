"""The command line: `cape COMMAND ...`. Every mistake a user can make ends in one line and a non-zero exit.

Nothing heavy is imported before a command needs it: help and `cape inspect` answer without jax.
"""

import dataclasses
import importlib.resources
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from cape.config import nearest

if TYPE_CHECKING:
    from cape.datasets.trajectories import Trajectories

DEFAULT_PRESET = "burgers1d"
_LONGEST_MESSAGE = 1000  # characters; compilers' messages can run over pages

Files = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")]
Model = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
Texts = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE...")]
Paths = Annotated[tuple[str, ...], tyro.conf.arg(metavar="FILE...")]


def train(arguments: Sequence[str]) -> None:
    """Train a surrogate and evaluate it: cape train [PRESET | CONFIG] [--out DIR] [overrides]."""
    arguments = list(arguments)
    if arguments == ["--list"]:
        print("\n".join(presets()))
        return
    name = arguments.pop(0) if arguments and not arguments[0].startswith("-") else DEFAULT_PRESET
    path = presets().get(name) or Path(name)
    if not path.is_file():
        raise ValueError(f"no preset or file {name!r}; {nearest(name, presets())}")

    from cape import report
    from cape.config import load_json, load_toml
    from cape.experiment import Experiment, run

    preset = load_json(Experiment, path) if path.suffix == ".json" else load_toml(Experiment, path)
    own = path.absolute().parent.name if path.name == "config.json" else path.stem

    @dataclasses.dataclass(frozen=True)
    class Train:
        experiment: Annotated[Experiment, tyro.conf.arg(name="")] = preset
        out: str = f"runs/{own}"
        """folder of the run; a run stopped there goes on"""
        figures: bool = True
        """draw figures of the evaluation (needs the extra `plot`)"""
        quiet: bool = False
        """no progress bar"""

    asked = tyro.cli(
        Train,
        args=arguments,
        prog=f"cape train {name}",
        description="Train a surrogate and evaluate it at parameter values it has never seen: cape train [PRESET | "
        f"CONFIG] [options]. PRESET is one of {', '.join(presets())} (default: {DEFAULT_PRESET}); CONFIG is a .toml "
        f"file or the config.json of a run. The defaults below are those of {name}.",
        config=(tyro.conf.CascadeSubcommandArgs,),
    )
    _prepare_jax()
    evaluation = run(asked.experiment, Path(asked.out), progress=not asked.quiet, figures=asked.figures)
    print(report.table(evaluation))
    _say_where(Path(asked.out) / "evaluation", asked.figures)


def evaluate(
    model: Model,
    /,
    data: Paths,
    out: str,
    space_stride: int = 0,
    time_stride: int = 0,
    steps: int = 0,
    all_samples: bool = False,
    figures: bool = True,
) -> None:
    """Measure how a surrogate does at the parameter values of files, seen in training or not.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        data: files or folders, evaluated together.
        out: folder for evaluation.json, evaluation.csv and figures.
        space_stride: use every n-th point of each axis; 0: as in training.
        time_stride: use every n-th frame; 0: frames one step of the surrogate apart.
        steps: number of steps to roll out; 0 for all the files have.
        all_samples: also evaluate on initial conditions the run was trained or validated on.
        figures: draw figures (needs the extra `plot`).
    """
    from cape import canvas, plots, report
    from cape.datasets.opening import open_files
    from cape.evaluation import evaluate as measure
    from cape.inputs import in_steps, on_grid
    from cape.library import locate
    from cape.pretrained import load

    if figures:
        canvas.require()
    _prepare_jax()
    surrogate = load(model)
    problem = surrogate.problem
    trajectories = open_files(list(data))
    trajectories = in_steps(problem, on_grid(problem, trajectories, space_stride), time_stride)
    if not all_samples:
        folder = Path(model) if Path(model).is_dir() else locate(model)
        trajectories = _untrained(folder, trajectories)
    evaluation = measure(surrogate.at, trajectories, problem.training_values, steps=steps or None)
    report.write(evaluation, out)
    if figures:
        plots.write_figures(evaluation, out)
    print(report.table(evaluation))
    _say_where(Path(out), figures)


def predict(
    model: Model,
    /,
    initial: Paths,
    out: str,
    steps: int,
    parameter: Texts = (),
    samples: int = 0,
    space_stride: int = 0,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Roll a surrogate out from the first frames of files, and write what it predicts in their layout.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        initial: files or folders; the first frame of every sample is an initial condition.
        out: HDF5 file to write; `cape inspect` and `cape evaluate` read it.
        steps: number of steps to predict.
        parameter: values to predict at, such as Nu=0.03; parameters left out keep the files' values.
        samples: use the first n samples; 0 for all.
        space_stride: use every n-th point of each axis; 0: as in training.
        overwrite: replace the file if it is there.
        quiet: no progress bar.
    """
    from cape.prediction import predict as write

    _prepare_jax()
    print(
        write(
            model,
            initial,
            out,
            steps,
            parameter,
            samples,
            space_stride,
            overwrite=overwrite,
            progress=not quiet,
        )
    )


def inspect(files: Files, /, check_values: bool = False) -> None:
    """Describe files: axes, names, parameters, boundaries, times and what to beware of.

    Args:
        files: files or folders, described one by one and together.
        check_values: read all fields; print their ranges, and warn of NaN and infinity.
    """
    from cape.datasets.opening import inspect as describe

    print(describe(list(files), check_values=check_values))


def simulate(
    equation: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="EQUATION")],
    /,
    parameter: Texts,
    samples: int = 100,
    out: str = "data",
    seed: int = 0,
    resolution: int = 0,
    frames: int = 0,
    t_end: float = 0.0,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Simulate an equation and write files in PDEBench's layout.

    Args:
        equation: advection, burgers or reaction-diffusion.
        parameter: values, such as Nu=0.01,0.1 (a file each) or Nu=loguniform:1e-3:1 (one value per sample).
        samples: trajectories per file.
        out: folder for the files.
        seed: everything random follows from it.
        resolution: grid points per axis; 0: as is usual for the equation, and so for frames and t_end.
        frames: frames, the initial condition included.
        t_end: time of the last frame.
        overwrite: replace files that are there.
        quiet: no progress bar.
    """
    from cape.assignment import assignments
    from cape.datasets.simulate.simulation import simulate as solve

    _prepare_jax()
    values = assignments(parameter, "--parameter")
    sizes = {"seed": seed, "resolution": resolution, "frames": frames, "t_end": t_end}
    for path in solve(equation, Path(out), values, samples, overwrite=overwrite, progress=not quiet, **sizes):
        print(path)


def download(names: Files, /, out: str = "data") -> None:
    """Download published PDEBench files by name or pattern; resumes, and verifies every file.

    Args:
        names: such as 1D_Burgers_Sols_Nu0.01.hdf5 or '1D_Advection_*'.
        out: folder for the files.
    """
    from cape.datasets.download import download as fetch

    if not names:
        raise ValueError("expected names or patterns of published files, such as '1D_Burgers_*'")
    for path in fetch(list(names), Path(out)):
        print(path)


def publish(run: Model, /, out: str, license: str = "Apache-2.0", overwrite: bool = False) -> None:
    """Make a pretrained folder of a run: weights, model card, sample data.

    Args:
        run: folder of a run that was trained to its end.
        out: folder to write; its name is that of the surrogate.
        license: of the weights, an SPDX identifier.
        overwrite: replace the pretrained folder that is there.
    """
    from cape.publication import publish as write

    _prepare_jax()
    print(write(run, out, license=license, overwrite=overwrite))


def models() -> None:
    """List the surrogates that come with the package, for cape.load(NAME)."""
    from cape.library import shipped
    from cape.pretrained import summary

    for name, folder in shipped().items():
        print(f"{name:<16}{summary(folder)}")
    if not shipped():
        print("no surrogate comes with this version of the package")


def export(
    model: Model,
    /,
    out: str,
    steps: int = 0,
    resolution: Annotated[tuple[int, ...], tyro.conf.arg(metavar="POINTS...")] = (),
    overwrite: bool = False,
) -> None:
    """Write the whole rollout to one file for programs with jax alone (extra `export`).

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        out: file to write, such as model.stablehlo; docs/export.md shows how to run it.
        steps: number of steps of the rollout; 0: the longest rollout of the training.
        resolution: points per axis, the only grid the file then takes; without it any grid, where possible.
        overwrite: replace the file if it is there.
    """
    from cape.export import export as write

    metadata = write(model, out, steps, resolution, overwrite=overwrite)
    print(f"{out}: {metadata['steps']} steps, any batch, {_grid_in_words(metadata['grid'])}")


COMMANDS: dict[str, Callable] = {
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "inspect": inspect,
    "simulate": simulate,
    "download": download,
    "publish": publish,
    "models": models,
    "export": export,
}
_WHEN_INTERRUPTED = {"train": "; the same command goes on", "download": "; the same command goes on"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give the exit status: 0, 1 after a mistake that was named, 2 for a misspelt command or option."""
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
        print(f"cape: unknown command {command!r}; {nearest(command, COMMANDS)}", file=sys.stderr)
        return 2
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
        return _run(command, arguments)


def presets() -> dict[str, Path]:
    """List the presets that come with the package: name -> file, by name."""
    folder = importlib.resources.files("cape.configs")
    paths = [Path(str(file)) for file in folder.iterdir() if file.name.endswith(".toml")]
    return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}


def _run(command: str, arguments: list[str]) -> int:
    try:
        if command == "train":
            train(arguments)
        else:
            tyro.cli(COMMANDS[command], args=arguments, prog=f"cape {command}")
        sys.stdout.flush()
    except SystemExit as status:  # help was asked for, or tyro has named a mistake
        return int(status.code or 0)
    except BrokenPipeError:  # whoever read our output (head, less) has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, so that the exit flushes nothing into the closed pipe
        return 141
    except KeyboardInterrupt:
        print(f"\ncape {command}: interrupted{_WHEN_INTERRUPTED.get(command, '')}", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, RuntimeError, MemoryError) as error:
        if os.environ.get("CAPE_TRACEBACK"):
            raise
        message = " ".join(str(error).split()) or type(error).__name__
        shown = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + " ..."
        print(f"cape {command}: {shown}", file=sys.stderr)
        return 1
    return 0


def _untrained(model: Path, trajectories: "Trajectories") -> "Trajectories":
    """Leave out the initial conditions a run was trained or validated on, as far as its folder tells."""
    import numpy as np

    from cape.experiment import trained_on

    known = trained_on(model)
    if known is None:
        return trajectories
    fresh = ~np.isin(trajectories.initial_conditions, known)
    if not fresh.any():
        raise ValueError(
            "every initial condition of these files was trained or validated on; --all-samples evaluates on them"
        )
    if not fresh.all():
        print(
            f"left out {(~fresh).sum()} of {len(fresh)} samples: their initial conditions were trained or validated "
            "on (--all-samples keeps them)"
        )
    return trajectories.select(fresh)


def _grid_in_words(grid: dict) -> str:
    if "sizes" in grid:
        return f"only on the grid {' x '.join(map(str, grid['sizes']))}"
    return f"any grid whose sizes are multiples of {grid['multiple_of']} from {grid['at_least']} on"


def _say_where(folder: Path, figures: bool) -> None:
    print(f"{'figures, ' if figures else ''}evaluation.json and evaluation.csv are in {folder}")


def _prepare_jax() -> None:
    """Keep compiled programs on disk, so that the next run of the same shapes starts at once; hush orbax."""
    import jax

    logging.getLogger("absl").setLevel(logging.ERROR)  # it warns of what a killed run left, and mends it
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(Path.home() / ".cache" / "cape-jax")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return  # a home that cannot be written to
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _overview() -> str:
    lines = ["usage: cape COMMAND ...      (cape COMMAND --help says more)", ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<10}{(command.__doc__ or '').splitlines()[0]}")
    lines += [
        "",
        "With CAPE_TRACEBACK=1 in the environment, an error also shows where in the code it was raised.",
    ]
    return "\n".join(lines)
