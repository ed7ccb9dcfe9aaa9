"""The pretrained folder of an adapted surrogate, with a card that says what it was adapted from and to."""

from pathlib import Path

from cape.adaptation.adaptation import Adaptation
from cape.atomic import replacing
from cape.datasets.lock import locked_path
from cape.identification.text import equation_text
from cape.pretrained import load, read_config, save
from cape.problem import Problem
from cape.surrogate import Surrogate

CARD = "README.md"


def check_target(out: str | Path, overwrite: bool) -> None:
    """Check that a folder can be written.

    Raises:
        FileExistsError: it exists, and `overwrite` is false.
        ValueError: it exists and is not a pretrained folder.
    """
    out = Path(out)
    if not out.exists():
        return
    if not overwrite:
        raise FileExistsError(f"{out}: already exists; choose another name or set overwrite to replace it")
    try:
        read_config(out)
    except ValueError as error:
        raise ValueError(
            f"{out}: not a pretrained folder; overwrite replaces pretrained folders only, so remove it yourself"
        ) from error


def write(adapted: Surrogate, out: str | Path, *, overwrite: bool = False) -> Path:
    """Write an adapted surrogate and its card into a folder, atomically; `cape.load` opens it.

    Raises:
        FileExistsError, ValueError: see `check_target`, or the surrogate is not adapted.
        FolderInUse: another process is writing `out`.
    """
    out = Path(out)
    if adapted.adaptation is None:
        raise ValueError("surrogate: not adapted; `Surrogate.save` writes it")
    check_target(out, overwrite)
    with locked_path(out), replacing(out) as folder:
        save(adapted, folder)
        (folder / CARD).write_text(card(out.name, adapted), encoding="utf-8")
        load(folder)  # check that it can be read before it gets its name
    return out


def card(name: str, adapted: Surrogate) -> str:
    """Return the card of an adapted surrogate as Markdown."""
    adaptation, problem = adapted.adaptation, adapted.problem
    assert adaptation is not None
    values = "; ".join(_named(problem, row) for row in adaptation.values)
    where = (
        "It replaces what the surrogate did before, at all parameters."
        if adaptation.everywhere
        else "It holds where the parameters are nearer to these than to all that the surrogate was trained on. At "
        "those, the surrogate is what it was before."
    )
    stages = "".join(f"{i}. {stage.text}\n" for i, stage in enumerate(adapted.lineage, 1))
    return (
        f"# {name}\n\nA surrogate of {problem.equation} that was adapted to {values or 'a new regime'} with "
        f"`cape adapt`. {where}\n\n"
        f"In the regime, a step is that of this equation, {_scheme(adaptation)}, and {_share(adaptation)}:\n\n"
        f"    {equation_text(adaptation.equation, problem)}\n\n"
        f"Mean nRMSE of rollouts on the few trajectories themselves: {adaptation.error_before:.3g} before, "
        f"{adaptation.error_after:.3g} after. Evaluate it on others with `cape evaluate`.\n\n"
        f"## Where it comes from\n\n{stages}"
    )


def _named(problem: Problem, values: tuple[float, ...]) -> str:
    return ", ".join(f"{n} = {v:g}" for n, v in zip(problem.parameters, values, strict=True))


def _scheme(adaptation: Adaptation) -> str:
    schemes = {"spectral": "in Fourier modes", "conservative": "as a conservation law with limited fluxes"}
    substeps = adaptation.equation.substeps
    return f"{schemes[adaptation.scheme]}, in {substeps} substep{'s' * (substeps > 1)}"


def _share(adaptation: Adaptation) -> str:
    shares = [share for row in adaptation.share for share in row]
    if not any(shares):
        return "nothing of the network"
    low, high = min(shares), max(shares)
    return (
        f"{low:.2g} to {high:.2g} of the network's correction"
        if low < high
        else f"{low:.2g} of the network's correction"
    )
