"""cape calibrate."""

from cape.commands.options import Model, Paths
from cape.commands.session import prepare_jax


def calibrate(model: Model, /, data: Paths, all_samples: bool = False) -> None:
    """Measure the uncertainty of a surrogate, for `Surrogate.rollout(..., uncertainty=True)`.

    Trajectories with initial conditions that were not trained on are rolled out. The errors, the width of bands and
    their measured coverage at each parameter value are printed and stored in uncertainty.json beside the weights.

    Args:
        model: folder of a run or of a pretrained surrogate.
        data: files or folders with at least 20 trajectories, at two or more parameter values.
        all_samples: also use initial conditions that the run was trained or validated on.
    """
    from cape.datasets.lock import locked
    from cape.datasets.opening import open_files
    from cape.locate import locate
    from cape.pretrained import load
    from cape.uncertainty.calibrate import calibrate as calibrate_surrogate
    from cape.uncertainty.calibrate import coverage_table

    prepare_jax()
    surrogate, folder = load(model), locate(model)
    with locked(folder):
        record = calibrate_surrogate(surrogate, open_files(list(data)), all_samples=all_samples)
        print(coverage_table(record))
        print(record.save(folder))
