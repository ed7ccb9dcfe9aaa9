"""cape export."""

from typing import Annotated

import tyro

from cape.commands.options import Model


def export(
    model: Model,
    /,
    out: str,
    steps: int = 0,
    resolution: Annotated[tuple[int, ...], tyro.conf.arg(metavar="POINTS...")] = (),
    overwrite: bool = False,
) -> None:
    """Write the whole rollout to one file that runs with jax alone (extra `export`).

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        out: file to write, such as model.stablehlo; docs/export.md shows how to run it.
        steps: number of steps of the rollout; 0: the longest rollout of the training.
        resolution: points per axis; the file then accepts this grid only. Without it, the file accepts any grid
            where the model allows it.
        overwrite: replace an existing file.
    """
    from cape.release.export import export as export_rollout

    metadata = export_rollout(model, out, steps, resolution, overwrite=overwrite)
    print(f"{out}: {metadata['steps']} steps, any batch, {_grid_in_words(metadata['grid'])}")


def _grid_in_words(grid: dict) -> str:
    if "sizes" in grid:
        return f"only on the grid {' x '.join(map(str, grid['sizes']))}"
    return f"any grid whose sizes are multiples of {grid['multiple_of']} from {grid['at_least']} on"
