"""cape train."""

import dataclasses
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from cape.commands.session import prepare_jax, say_where
from cape.config import nearest

DEFAULT_PRESET = "burgers1d"


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

    from cape.config import load_json, load_toml
    from cape.evaluation import report
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
    prepare_jax()
    evaluation = run(asked.experiment, Path(asked.out), progress=not asked.quiet, figures=asked.figures)
    print(report.table(evaluation))
    say_where(Path(asked.out) / "evaluation", asked.figures)


def presets() -> dict[str, Path]:
    """List the presets that come with the package: name -> file, by name."""
    folder = importlib.resources.files("cape.configs")
    paths = [Path(str(file)) for file in folder.iterdir() if file.name.endswith(".toml")]
    return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}
