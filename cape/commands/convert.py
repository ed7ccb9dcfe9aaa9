"""cape convert."""

from pathlib import Path
from typing import Annotated

import tyro

from cape.commands.options import Paths
from cape.commands.session import prepare_jax

Checkpoint = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...")]
Values = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME[=VALUE,...]...")]
Points = Annotated[tuple[int, ...], tyro.conf.arg(metavar="POINTS...")]
Numbers = Annotated[tuple[float, ...], tyro.conf.arg(metavar="NUMBER...")]


def convert(
    checkpoint: Checkpoint,
    /,
    out: str,
    data: Paths = (),
    space_stride: int = 0,
    time_stride: int = 1,
    parameters: Values = (),
    channels: Names = ("u",),
    dt: float = 0.0,
    steps: int = 0,
    resolution: Points = (),
    origin: Numbers = (),
    length: Numbers = (1.0,),
    boundaries: Names = ("periodic",),
    equation: str = "unknown",
    entry: str = "",
) -> None:
    """Make a pretrained folder of published PyTorch weights (extra `convert`).

    The architecture and its sizes follow from the weights. The rest is read from the files of the training (--data), or
    given: --parameters, --channels, --dt, --steps, --resolution, --origin and so on.

    Args:
        checkpoint: a state dict saved by torch.save, by itself or in a dictionary; no code in it is executed.
        out: folder to write, for `cape.load` and all commands.
        data: the files or folders that were trained on.
        space_stride: with --data, every n-th point was trained on; 0: the grid of the CAPE block, or all points.
        time_stride: with --data, every n-th frame was trained on.
        parameters: the parameters in the order of the training, with the trained values (two are a range), such as
            Nu=0.002,2; with --data, the names are enough.
        channels: names of the fields, in order.
        dt: time between two frames.
        steps: steps of the longest rollout of the training.
        resolution: points per axis.
        origin: coordinate of the first point, which an FNO sees, such as 0.00048828125 for every 8th of 1024 points.
        length: extent per axis.
        boundaries: periodic, outgoing or wall, per axis.
        equation: name of the equation.
        entry: which of several state dicts in the file.
    """
    from cape.paper.conversion.convert import convert as convert_checkpoint
    from cape.paper.conversion.described_problem import GivenProblem, ProblemFromFiles
    from cape.pretrained import summary

    description: ProblemFromFiles | GivenProblem
    if data:
        names = tuple(text.partition("=")[0] for text in parameters)
        description = ProblemFromFiles(data, space_stride, time_stride, names)
    else:
        values = _trained_values(parameters)
        box = (resolution, origin, length)
        description = GivenProblem(values, channels, dt, steps, *box, equation, boundaries)
    prepare_jax()
    convert_checkpoint(checkpoint, out, description, entry)
    print(f"{out}: {summary(Path(out))}")


def _trained_values(texts: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    """Read ("Nu=0.002,2",) as {"Nu": (0.002, 2.0)}."""
    from cape.datasets.assignment import assignments

    values = {}
    for name, text in assignments(texts, "--parameters").items():
        try:
            values[name] = tuple(float(part) for part in text.split(","))
        except ValueError:
            raise ValueError(
                f"--parameters: {name}: expected numbers, separated by commas, got {text!r}"
            ) from None
    return values
