"""cape simulate: solve an equation and write data files."""

# Annotations are evaluated when the command is parsed, so that only then the list of equations is needed.
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from cape.commands.options import Texts
from cape.commands.session import prepare_jax


def simulate(
    equation: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="EQUATION", help=_equations())],
    /,
    parameter: Texts,
    samples: int = 100,
    out: str = "data",
    seed: int = 0,
    resolution: int = 0,
    frames: int = 0,
    t_end: float = 0.0,
    unshared: int = 0,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Simulate an equation and write files in PDEBench's layout.

    Args:
        parameter: values, such as Nu=0.01,0.1 (one file each) or Nu=loguniform:1e-3:1 (one value per sample);
            zeta=eta gives zeta the value of eta in every file and sample.
        samples: number of trajectories per file.
        out: folder for the files.
        seed: seed of the initial conditions and of drawn parameters.
        resolution: grid points per axis; 0 for the equation's default.
        frames: number of frames, with the initial condition; 0 for the equation's default.
        t_end: time of the last frame; 0 for the equation's default.
        unshared: number of samples of each file whose initial conditions are not shared with other files. They make
            training data more varied; shared ones make parameter values comparable.
        overwrite: replace existing files.
        quiet: show no progress bar.
    """
    from cape.datasets.assignment import assignments
    from cape.datasets.simulate.simulation import simulate as solve

    prepare_jax()
    values = assignments(parameter, "--parameter")
    paths = solve(
        equation,
        Path(out),
        values,
        samples=samples,
        unshared=unshared,
        seed=seed,
        resolution=resolution,
        frames=frames,
        t_end=t_end,
        overwrite=overwrite,
        progress=not quiet,
    )
    for path in paths:
        print(path)


def _equations() -> str:
    from cape.datasets.equations.equation import EQUATIONS

    return f"one of {', '.join(sorted(EQUATIONS.parts))}"
