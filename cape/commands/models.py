"""cape models."""

from typing import Annotated

import tyro

Owner = Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="[OWNER]")]


def models(remote: Owner = None) -> None:
    """List surrogates for cape.load(NAME): those that come with the package, or those on a hub.

    Each line has the equation, the trained ranges of its parameters, the grid, the model, the errors, and the size of
    the weights.

    Args:
        remote: list the surrogates on the Hugging Face Hub, all or those of one user or organisation, such as
            hf://someone (extra `hub`).
    """
    if remote is None:
        _list_shipped()
    else:
        _list_remote(remote)


def _list_shipped() -> None:
    from cape.locate import shipped
    from cape.pretrained import summary

    for name, folder in shipped().items():
        print(f"{name:<23}{summary(folder)}")
    if not shipped():
        print("no surrogate comes with this version of the package")


def _list_remote(owners: tuple[str, ...]) -> None:
    from cape.release.hub import MOST_LISTED, surrogates

    if len(owners) > 1:
        raise ValueError(f"--remote: expected at most one user or organisation, got {', '.join(owners)}")
    found = surrogates(owners[0] if owners else "")
    for surrogate in found:
        print(f"{surrogate.address}  {surrogate.summary}")
    if not found:
        print("there is no surrogate of cape-jax on the hub" + "".join(f" of {owner}" for owner in owners))
    if len(found) == MOST_LISTED:
        print(f"there may be more than these {MOST_LISTED}; name a user or an organisation")
