"""cape sweep."""

import re
from collections.abc import Sequence
from typing import Any

from cape.commands.session import prepare_jax
from cape.commands.train import read_options

_SECTIONS = ("data", "model", "training")
_VARIED = re.compile(rf"({'|'.join(_SECTIONS)})\.[\w.-]+=.*")


def sweep(arguments: Sequence[str]) -> None:
    """Train once for each combination of settings: cape sweep [PRESET | CONFIG] SETTING=VALUE,VALUE ... [options]."""
    varied = [argument for argument in arguments if _VARIED.fullmatch(argument)]
    others = [argument for argument in arguments if argument not in varied]
    options = read_options(
        others,
        "sweep",
        "Train a surrogate once for each combination of settings, one run after another, and list the runs: cape sweep "
        "[PRESET | CONFIG] SETTING=VALUE,VALUE ... [options], such as training.seed=0,1,2 model.base=fno,u-net "
        "training.optimiser.learning-rate=1e-3,3e-3. The same command continues a sweep that was stopped.",
        suffix="-sweep",
    )
    from cape.runs.grid import read_grid
    from cape.runs.search import find_runs
    from cape.runs.sweep import sweep as run_sweep
    from cape.runs.sweep import sweep_one
    from cape.runs.table import sorted_runs, table_of_runs

    grid = read_grid(varied)
    for key in grid:
        if fixed := [each for each in others if _names(each, key)]:
            raise ValueError(f"{key} is given twice: {fixed[0]} and {key}=...; remove one of them")
    prepare_jax()
    settings: Any = {"progress": not options.quiet, "figures": options.figures}
    if options.index >= 0:
        folder = sweep_one(options.experiment, grid, options.index, options.out, **settings)
        print(table_of_runs(find_runs([folder]).runs))
        return
    found = run_sweep(options.experiment, grid, options.out, **settings)
    print(table_of_runs(sorted_runs(found.runs, "validation")))
    if found.failed:
        name, message = next(iter(found.failed.items()))
        more = f" and {len(found.failed) - 1} more" if len(found.failed) > 1 else ""
        raise ValueError(f"failed: {name}{more} ({message}); the same command tries again")


def _names(argument: str, key: str) -> bool:
    """Return whether an argument sets this setting: --training.seed, --training.seed=1 or model.base:fno."""
    return re.split("[=:]", argument.removeprefix("--"))[0].replace("-", "_") == key
