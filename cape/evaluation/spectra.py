"""Power spectra of fields in one to three dimensions, averaged over directions.

With û(k) = (1/N) Σ_x u(x) exp(-2πi k·x/L) over the N points of the grid and k the integer wave numbers (waves per
longest side of the domain), the power in shell r is

    P(r) = Σ |û(k)|²  over all k with r - 1/2 <= |k| < r + 1/2,

so that Σ_r P(r) = ⟨u²⟩ (Parseval) and a single wave of amplitude a puts a²/2 into one shell. P has the units of u².
The kinetic energy per mass is half the sum of P over the components of velocity, without the density.

The sums assume a periodic box. The jump of a u that is not periodic adds P ~ 1/r².
Source: the usual definitions, as in S. B. Pope, Turbulent Flows (2000), section 6.5.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def power_spectrum(
    u: Float[np.ndarray, "..."], lengths: Sequence[float]
) -> Float[np.ndarray, "*batch shell channel"]:
    """Compute P(r) for r = 0, 1, ...; every wave vector of the grid is in one shell.

    Args:
        u: [..., *space, channel], with one space axis for each length.
        lengths: of the domain, one per axis; only their ratios matter.

    Raises:
        ValueError: u has fewer axes than there are lengths, plus one for the channel.
    """
    dimension = len(lengths)
    if not 1 <= dimension <= u.ndim - 1:
        raise ValueError(
            f"expected u [..., *space, channel] with {dimension} space axes, one for each of the lengths "
            f"{tuple(lengths)}, got {list(u.shape)}"
        )
    first = u.ndim - 1 - dimension
    axes = tuple(range(first, u.ndim - 1))
    batch, resolution, channels = u.shape[:first], u.shape[first:-1], u.shape[-1]
    with np.errstate(invalid="ignore", over="ignore"):  # the spectrum of a diverged u is NaN or infinite
        power = np.abs(np.fft.fftn(np.asarray(u, np.float64), axes=axes, norm="forward")) ** 2
    shell = _shells(resolution, lengths).ravel()
    flat = np.moveaxis(power.reshape(*batch, -1, channels), -2, -1).reshape(-1, shell.size)
    sums = np.stack([np.bincount(shell, weights=line) for line in flat])
    return np.moveaxis(sums.reshape(*batch, channels, -1), -1, -2)


def kinetic_energy_spectrum(
    u: Float[np.ndarray, "..."], lengths: Sequence[float], channel_names: Sequence[str]
) -> Float[np.ndarray, "*batch shell"]:
    """Compute ½ P(r), summed over the components of velocity.

    Raises:
        ValueError: there is no velocity among the channels, see `velocity_channels`.
    """
    velocity = velocity_channels(channel_names, len(lengths))
    if not velocity:
        raise ValueError(
            f"no velocity with {len(lengths)} components among the channels {tuple(channel_names)}: expected Vx, ... "
            "or velocity_x, ..."
        )
    return 0.5 * power_spectrum(u[..., list(velocity)], lengths).sum(axis=-1)


def velocity_channels(channel_names: Sequence[str], dimension: int) -> tuple[int, ...]:
    """Return the numbers of the velocity's components (Vx, Vy or velocity_x, velocity_y), or () if one is missing."""
    names = [name.lower() for name in channel_names]
    for prefix in ("v", "velocity_"):
        wanted = [prefix + axis for axis in "xyz"[:dimension]]
        if all(name in names for name in wanted):
            return tuple(names.index(name) for name in wanted)
    return ()


def resolved_shells(resolution: Sequence[int], lengths: Sequence[float]) -> int:
    """Count the shells up to the lowest Nyquist wave number: the grid has all of their wave vectors."""
    return int(min(n / 2 / length for n, length in zip(resolution, lengths, strict=True)) * max(lengths)) + 1


def _shells(resolution: Sequence[int], lengths: Sequence[float]) -> np.ndarray:
    """Return the shell of every wave vector, [*space]."""
    waves = [
        np.fft.fftfreq(n, 1 / n) * max(lengths) / length
        for n, length in zip(resolution, lengths, strict=True)
    ]
    squares = sum(k**2 for k in np.meshgrid(*waves, indexing="ij"))
    return np.floor(np.sqrt(squares) + 0.5).astype(int)
