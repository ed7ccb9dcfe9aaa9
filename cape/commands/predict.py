"""cape predict."""

from cape.commands.options import Model, Paths, Texts
from cape.commands.session import prepare_jax


def predict(
    model: Model,
    /,
    out: str,
    steps: int,
    initial: Paths = (),
    simulate: int = 0,
    seed: int = 0,
    resolution: int = 0,
    parameter: Texts = (),
    samples: int = 0,
    space_stride: int = 0,
    plot: bool = False,
    animate: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Roll a surrogate out from initial conditions, at one or many parameter values, into one file.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        out: HDF5 file to write; `cape inspect` and `cape evaluate` read it.
        steps: number of steps to predict.
        initial: files or folders; the rollout starts from the first frame of every sample (or from the first
            frames, if a step takes several).
        simulate: draw this many initial conditions as `cape simulate` does, instead of reading files.
        seed: the random seed of simulated initial conditions and of parameter values drawn from a range.
        resolution: points per axis of simulated initial conditions; 0: as in training.
        parameter: values to predict at, such as Nu=0.03, Nu=0.01,0.1 (each of them from every initial condition)
            or Nu=loguniform:1e-3:1 (one per sample); other parameters keep the files' values.
        samples: use the first n samples of the files; 0 for all.
        space_stride: use every n-th point of each axis of the files; 0: as in training.
        plot: also draw the prediction from the first initial condition, as PNG next to the file (extra `plot`).
        animate: also animate it, as GIF, and as MP4 if the program ffmpeg is installed.
        overwrite: replace existing files.
        quiet: show no progress bar.
    """
    _check_options(initial, simulate, samples, space_stride, resolution)

    from cape.figures.prediction_figures import draw_prediction, figure_paths
    from cape.inference.initial_conditions_from_files import InitialConditionsFromFiles
    from cape.inference.predict import predict as predict_to_file
    from cape.inference.simulated_initial_conditions import SimulatedInitialConditions

    figures = figure_paths(out, plot=plot, animate=animate, overwrite=overwrite)
    prepare_jax()
    source = (
        SimulatedInitialConditions(simulate, seed, resolution)
        if simulate
        else InitialConditionsFromFiles(initial, samples, space_stride)
    )
    progress = not quiet
    print(
        predict_to_file(
            model, source, out, steps, parameter, seed=seed, overwrite=overwrite, progress=progress
        )
    )
    for path in figures:
        print(draw_prediction(out, path))


def _check_options(
    initial: tuple[str, ...], simulate: int, samples: int, space_stride: int, resolution: int
) -> None:
    """Raise ValueError unless the options describe one source of initial conditions."""
    if bool(initial) == bool(simulate):
        found = "both of them" if initial else "neither"
        raise ValueError(
            "expected either --initial FILE... or --simulate N, which draws initial conditions for the surrogate's "
            f"equation; found {found}"
        )
    if simulate:
        source, ignored = "--initial", {"--samples": samples, "--space-stride": space_stride}
    else:
        source, ignored = "--simulate", {"--resolution": resolution}
    for option, value in ignored.items():
        if value:
            raise ValueError(f"{option} is an option of {source} only")
