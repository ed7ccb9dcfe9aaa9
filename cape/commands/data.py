"""cape inspect, cape simulate, cape download: files of training data."""

from pathlib import Path
from typing import Annotated

import tyro

from cape.commands.options import Files, Texts
from cape.commands.session import prepare_jax


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
    own: int = 0,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Simulate an equation and write files in PDEBench's layout.

    Args:
        equation: advection, burgers, reaction-diffusion, gray-scott, gray-scott-small, fitzhugh-nagumo,
            navier-stokes, navier-stokes-eddies, compressible1d, compressible2d or compressible3d.
        parameter: values, such as Nu=0.01,0.1 (a file each) or Nu=loguniform:1e-3:1 (one value per sample);
            zeta=eta gives zeta the value of eta in every file and sample.
        samples: trajectories per file.
        out: folder for the files.
        seed: everything random follows from it.
        resolution: grid points per axis; 0: as is usual for the equation, and so for frames and t_end.
        frames: frames, the initial condition included.
        t_end: time of the last frame.
        own: how many samples of each file have initial conditions of their own, better to train on; the others have
            the same in all files, to compare parameter values by.
        overwrite: replace files that are there.
        quiet: no progress bar.
    """
    from cape.datasets.assignment import assignments
    from cape.datasets.simulate.simulation import simulate as solve

    prepare_jax()
    values = assignments(parameter, "--parameter")
    sizes = {"seed": seed, "resolution": resolution, "frames": frames, "t_end": t_end, "own": own}
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
