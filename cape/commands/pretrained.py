"""cape publish, cape models, cape export: surrogates that others use."""

from typing import Annotated

import tyro

from cape.commands.options import Model
from cape.commands.session import prepare_jax


def publish(run: Model, /, out: str, license: str = "Apache-2.0", overwrite: bool = False) -> None:
    """Make a pretrained folder of a run: weights, model card, sample data.

    Args:
        run: folder of a run that was trained to its end.
        out: folder to write; its name is that of the surrogate.
        license: of the weights, an SPDX identifier.
        overwrite: replace the pretrained folder that is there.
    """
    from cape.release.publish import publish as write

    prepare_jax()
    print(write(run, out, license=license, overwrite=overwrite))


def models() -> None:
    """List the surrogates that come with the package, for cape.load(NAME)."""
    from cape.locate import shipped
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
    from cape.release.export import export as write

    metadata = write(model, out, steps, resolution, overwrite=overwrite)
    print(f"{out}: {metadata['steps']} steps, any batch, {_grid_in_words(metadata['grid'])}")


def _grid_in_words(grid: dict) -> str:
    if "sizes" in grid:
        return f"only on the grid {' x '.join(map(str, grid['sizes']))}"
    return f"any grid whose sizes are multiples of {grid['multiple_of']} from {grid['at_least']} on"
