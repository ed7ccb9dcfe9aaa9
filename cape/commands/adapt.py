"""cape adapt."""

from cape.commands.options import Model, Paths
from cape.commands.session import prepare_jax


def adapt(
    model: Model, /, data: Paths, out: str, everywhere: bool = False, seed: int = 0, overwrite: bool = False
) -> None:
    """Adapt a surrogate to a regime that it was never trained on, from a few trajectories.

    The coefficients of an equation, forces, and the share of the network's correction are fitted; the weights stay. The
    result is a folder like that of any surrogate. At all parameters that were trained on, it is the old surrogate.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        data: files or folders with the trajectories; four are usually enough.
        out: folder to write.
        everywhere: the new regime replaces the old one at all parameters. This is needed if the trajectories have
            parameters that were trained on, for example with another force.
        seed: of the random fields by which the equation of a network is found.
        overwrite: replace an existing pretrained folder.
    """
    from cape.adaptation.adapt import adapt as adapt_surrogate
    from cape.adaptation.folder import check_target, write
    from cape.datasets.opening import open_files

    check_target(out, overwrite)
    prepare_jax()
    adapted = adapt_surrogate(model, open_files(list(data)), everywhere=everywhere, seed=seed)
    if adapted.adaptation is not None:
        print(write(adapted, out, overwrite=overwrite))
