"""cape evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING

from cape.commands.options import Model, Paths
from cape.commands.session import prepare_jax, print_evaluation_folder

if TYPE_CHECKING:
    from cape.datasets.trajectories import Trajectories


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
    animate: bool = False,
    protocols: bool = False,
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
        animate: also write a film of truth and prediction, as GIF, for one parameter value of each kind.
        protocols: also measure whether parameters are obeyed (with shuffled and with mean parameters, and the response
            of solutions to them), and how the error grows with the distance from the trained values, after the steps
            trained and, where files have it, on a grid twice as fine.
    """
    from cape.datasets.opening import open_files
    from cape.evaluation import report
    from cape.evaluation.evaluate import evaluate as measure
    from cape.evaluation.protocols import run_protocols
    from cape.figures import canvas
    from cape.figures import evaluation_figures as plots
    from cape.figures.animation import animate as film
    from cape.inference.resampling import in_time_steps, on_doubled_grid, on_training_grid
    from cape.locate import locate
    from cape.pretrained import load

    if figures or animate:
        canvas.require()
    prepare_jax()
    surrogate = load(model)
    problem = surrogate.problem
    everything = open_files(list(data))
    on_training_grid(problem, everything, space_stride)  # what does not fit is refused before anything is left out
    everything = in_time_steps(problem, everything, time_stride)
    if not all_samples:
        folder = Path(model) if Path(model).is_dir() else locate(model)
        everything = _untrained(folder, everything)
    trajectories = on_training_grid(problem, everything, space_stride)
    values, window = problem.training_values, surrogate.window
    evaluation = measure(surrogate.at, trajectories, values, steps=steps or None, window=window)
    found = None
    if protocols:
        as_trained = tuple(trajectories.resolution) == problem.resolution
        finer = on_doubled_grid(problem, everything) if as_trained else None
        longest = surrogate.trained_steps
        found = run_protocols(surrogate.at, trajectories, evaluation, longest, finer=finer, window=window)
    report.write(evaluation, out, found)
    if figures:
        plots.write_figures(evaluation, out)
    for example in plots.one_of_each_kind(evaluation.examples) if animate else ():
        film(**plots.comparison(example), path=Path(out) / f"film_{example.kind}.gif")
    print(report.table(evaluation))
    if found is not None:
        print(f"\n{report.protocol_tables(found)}")
    print_evaluation_folder(Path(out), figures)


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
