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
        initial: files or folders; the first frame of every sample (or as many as a step takes) is where it starts.
        simulate: in place of files, draw this many initial conditions as `cape simulate` does.
        seed: what is drawn follows from it.
        resolution: points per axis of what is simulated; 0: as in training.
        parameter: values to predict at, such as Nu=0.03, Nu=0.01,0.1 (each of them from every initial condition)
            or Nu=loguniform:1e-3:1 (one per sample); parameters left out keep the files' values.
        samples: use the first n samples of the files; 0 for all.
        space_stride: use every n-th point of each axis of the files; 0: as in training.
        plot: draw the prediction from the first initial condition beside the file, as PNG (needs the extra `plot`).
        animate: likewise as GIF, and as MP4 where the program ffmpeg is there.
        overwrite: replace files that are there.
        quiet: no progress bar.
    """
    if bool(initial) == bool(simulate):
        found = "both of them" if initial else "neither"
        raise ValueError(
            "expected either --initial FILE... or --simulate N, which draws initial conditions for the surrogate's "
            f"equation; found {found}"
        )
    foreign = (
        ("--samples", samples, "--space-stride", space_stride) if simulate else ("--resolution", resolution)
    )
    for name, value in zip(foreign[::2], foreign[1::2], strict=True):
        if value:
            raise ValueError(f"{name} goes with {'--initial' if simulate else '--simulate'} only")

    from cape.figures.prediction_figures import draw, paths_beside
    from cape.inference.initial_conditions import FromFiles, FromSimulator
    from cape.inference.predict import predict as write

    pictures = paths_beside(out, plot=plot, animate=animate, overwrite=overwrite)
    prepare_jax()
    source = (
        FromSimulator(simulate, seed, resolution) if simulate else FromFiles(initial, samples, space_stride)
    )
    print(write(model, source, out, steps, parameter, seed=seed, overwrite=overwrite, progress=not quiet))
    for path in pictures:
        print(draw(out, path))
