"""cape evaluate."""

from pathlib import Path

from cape.commands.options import Model, Paths
from cape.commands.session import prepare_jax, print_evaluation_folder


def evaluate(
    model: Model,
    /,
    data: Paths,
    out: str,
    space_stride: int = 0,
    time_stride: int = 0,
    steps: int = 0,
    all_samples: bool = False,
    trusted: bool = False,
    figures: bool = True,
    animate: bool = False,
    protocols: bool = False,
) -> None:
    """Measure the errors of a surrogate at the parameter values of files, seen in training or not.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        data: files or folders, evaluated together.
        out: folder for evaluation.json, evaluation.csv and figures.
        space_stride: use every n-th point of each axis; 0: as in training.
        time_stride: use every n-th frame; 0: frames one step of the surrogate apart.
        steps: number of steps to roll out; 0: all that the files have.
        all_samples: also evaluate on initial conditions the run was trained or validated on.
        trusted: the files are your own; their data may lie outside their folders.
        figures: draw figures (needs the extra `plot`).
        animate: also write an animation of truth and prediction, as GIF, for one parameter value of each kind.
        protocols: also measure whether the surrogate uses its parameters (errors with shuffled and with mean
            parameters, response of the solutions), and how the error grows with the distance from the trained
            values, after the trained steps and, if the files have it, on a grid twice as fine.
    """
    from cape.datasets.initial_conditions import note_of_ambiguity
    from cape.datasets.lock import locked
    from cape.datasets.opening import open_files
    from cape.evaluation.parameter_use import warn_of_ignored_parameters
    from cape.figures import style
    from cape.pretrained import load
    from cape.report import evaluate as evaluate_surrogate

    if figures or animate:
        style.require()
    prepare_jax()
    surrogate, trajectories = load(model), open_files(list(data), trusted=trusted)
    with locked(out):
        report = evaluate_surrogate(
            surrogate,
            trajectories,
            steps=steps or None,
            protocols=protocols,
            space_stride=space_stride,
            time_stride=time_stride,
            all_samples=all_samples,
        )
        print(note_of_ambiguity(trajectories), end="")
        evaluated = trajectories if report.data is None else report.data
        if evaluated.samples < trajectories.samples:
            print(
                f"left out {trajectories.samples - evaluated.samples} of {trajectories.samples} samples: their initial "
                "conditions were trained or validated on (--all-samples keeps them)"
            )
        print(report)  # first, so that it is not lost if the files cannot be written
        warn_of_ignored_parameters(surrogate, evaluated)
        report.write(out, figures=figures, animations=animate)
    print_evaluation_folder(Path(out), figures)
