"""cape convert: weights of the published PyTorch implementation."""

from pathlib import Path
from typing import Annotated

import tyro

from cape.commands.options import Paths
from cape.commands.session import prepare_jax

Checkpoint = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...")]
Values = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME[=VALUE,...]...")]
Whole = Annotated[tuple[int, ...], tyro.conf.arg(metavar="POINTS...")]
Numbers = Annotated[tuple[float, ...], tyro.conf.arg(metavar="NUMBER...")]


def convert(
    checkpoint: Checkpoint,
    /,
    out: str,
    data: Paths = (),
    space_stride: int = 0,
    time_stride: int = 1,
    parameter: Values = (),
    channels: Names = ("u",),
    dt: float = 0.0,
    steps: int = 0,
    resolution: Whole = (),
    origin: Numbers = (),
    length: Numbers = (1.0,),
    boundaries: Names = ("periodic",),
    equation: str = "unknown",
    entry: str = "",
) -> None:
    """Make a pretrained folder of published PyTorch weights (extra `convert`).

    Kind and sizes of the model follow from the weights. What they do not tell is read from the files it was
    trained on (--data), or given: --parameter, --channels, --dt, --steps, --resolution, --origin and so on.

    Args:
        checkpoint: a state dict saved by torch.save, by itself or in a dictionary; nothing in it is executed.
        out: folder to write, for `cape.load` and all commands.
        data: files or folders that were trained on.
        space_stride: with --data, every n-th point was trained on; 0: the grid of the CAPE block, else all.
        time_stride: with --data, every n-th frame was trained on.
        parameter: in the order of the training, with the values trained on (two are a range), such as Nu=0.002,2;
            with --data names will do.
        channels: names of the fields, in order.
        dt: time between two frames.
        steps: steps of the longest rollout trained on.
        resolution: points per axis.
        origin: coordinate of the first point, which an FNO is given, such as 0.00048828125 for every 8th of 1024.
        length: extent per axis.
        boundaries: periodic, outgoing or wall, per axis.
        equation: its name.
        entry: which of several state dicts in the file.
    """
    from cape.datasets.assignment import assignments
    from cape.paper.conversion.convert import FromFiles, Stated
    from cape.paper.conversion.convert import convert as write
    from cape.pretrained import summary

    if data:
        names = tuple(text.partition("=")[0] for text in parameter)
        description: FromFiles | Stated = FromFiles(data, space_stride, time_stride, names)
    else:
        given = assignments(parameter, "--parameter")
        values = {name: _numbers(text, f"--parameter: {name}") for name, text in given.items()}
        description = Stated(
            values, channels, dt, steps, resolution, origin, length, equation, boundaries=boundaries
        )
    prepare_jax()
    write(checkpoint, out, description, entry)
    print(f"{out}: {summary(Path(out))}")


def _numbers(text: str, where: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{where}: expected numbers, separated by commas, got {text!r}") from None
