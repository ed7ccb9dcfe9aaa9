"""cape predict."""

from cape.commands.options import Model, Paths, Texts
from cape.commands.session import prepare_jax


def predict(
    model: Model,
    /,
    initial: Paths,
    out: str,
    steps: int,
    parameter: Texts = (),
    samples: int = 0,
    space_stride: int = 0,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Roll a surrogate out from the first frames of files, and write what it predicts in their layout.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        initial: files or folders; the first frame of every sample is an initial condition.
        out: HDF5 file to write; `cape inspect` and `cape evaluate` read it.
        steps: number of steps to predict.
        parameter: values to predict at, such as Nu=0.03; parameters left out keep the files' values.
        samples: use the first n samples; 0 for all.
        space_stride: use every n-th point of each axis; 0: as in training.
        overwrite: replace the file if it is there.
        quiet: no progress bar.
    """
    from cape.prediction import predict as write

    prepare_jax()
    print(
        write(
            model,
            initial,
            out,
            steps,
            parameter,
            samples,
            space_stride,
            overwrite=overwrite,
            progress=not quiet,
        )
    )
