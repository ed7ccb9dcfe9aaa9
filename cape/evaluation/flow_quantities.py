"""Quantities of a flow, computed from its fields: velocity, vorticity, energy, enstrophy, divergence, totals.

A flow has channels of a velocity (Vx, Vy or velocity_x, velocity_y), or in two dimensions a channel "vorticity". With
⟨.⟩ the mean over space, v the velocity and ω the vorticity:

    kinetic energy  ½⟨|v|²⟩, per mass and without the density
    enstrophy       ½⟨|ω|²⟩,  ω = ∇×v
    divergence      √⟨(∇·v)²⟩ / √⟨|∇v|²⟩, dimensionless: 0 for an incompressible flow, 1 for a pure sound wave
    mean of NAME    ⟨channel⟩, the conserved total of the channel per volume
    momentum x      ⟨ρ Vx⟩, instead of the mean of Vx, if there is a channel "density"

In a periodic box, derivatives are those of the Fourier series, and the velocity of a vorticity is that without a mean:
v = (∂y ψ, -∂x ψ) with -Δψ = ω. Otherwise derivatives are central differences, and a vorticity has no velocity.

Source: the usual definitions, as in S. B. Pope, Turbulent Flows (2000), chapters 2 and 6.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cape.evaluation.spectra import (
    kinetic_energy_spectrum,
    power_spectrum,
    resolved_shells,
    velocity_channels,
)

KINETIC_ENERGY, ENSTROPHY, DIVERGENCE = "kinetic energy", "enstrophy", "divergence"
_VORTICITY, _DENSITY = "vorticity", "density"
Frames = Float[np.ndarray, "..."]  # [..., *space, channel]


class FlowBox(NamedTuple):
    """What is known of the fields of a flow besides their values.

    Attributes:
        channel_names: of the fields.
        lengths: of the domain, one per axis.
        periodic: whether every axis is periodic.
    """

    channel_names: tuple[str, ...]
    lengths: tuple[float, ...]
    periodic: bool

    @property
    def is_flow(self) -> bool:
        """Whether the channels hold a velocity in two or three dimensions, or a vorticity in two."""
        dimension = len(self.lengths)
        velocity = dimension > 1 and bool(velocity_channels(self.channel_names, dimension))
        return velocity or (dimension == 2 and self._vorticity is not None)

    def histories(self, u: Frames) -> dict[str, Float[np.ndarray, "..."]]:
        """Compute each quantity of every frame: name -> [...]."""
        u = np.asarray(u, np.float64)
        space = tuple(range(u.ndim - 1 - len(self.lengths), u.ndim - 1))
        found, given = {}, velocity_channels(self.channel_names, len(self.lengths))
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # a diverged u is not finite
            velocity = self._velocity(u)
            if velocity is not None:
                found[KINETIC_ENERGY] = 0.5 * np.square(velocity).sum(-1).mean(space)
            found[ENSTROPHY] = 0.5 * np.square(self._curl(u)).sum(-1).mean(space)
            if given:
                gradient = self._gradient(u[..., list(given)])  # [..., component, axis]
                divergence = np.square(np.trace(gradient, axis1=-2, axis2=-1)).mean(space)
                found[DIVERGENCE] = np.sqrt(divergence / np.square(gradient).sum((-2, -1)).mean(space))
            found |= self._totals(u, space, given)
        return {name: np.asarray(values) for name, values in found.items()}

    def _totals(
        self, u: Frames, space: tuple[int, ...], velocity: tuple[int, ...]
    ) -> dict[str, np.ndarray | np.floating]:
        """Compute what a flow may conserve: the mean of every channel, with momenta instead of velocities."""
        density = self._number_of(_DENSITY)
        totals = {}
        for i, name in enumerate(self.channel_names):
            if i in velocity and density is not None:
                label, quantity = f"momentum {'xyz'[velocity.index(i)]}", u[..., density] * u[..., i]
            else:
                label, quantity = f"mean of {name}", u[..., i]
            totals[label] = quantity.mean(space)
        return totals

    def spectra(self, u: Frames) -> dict[str, Float[np.ndarray, "... shell"]]:
        """Compute the spectra of kinetic energy and enstrophy of every frame, over the shells that the grid resolves.

        The sum over all shells would be that of `histories`.
        """
        u, found = np.asarray(u, np.float64), {}
        with np.errstate(invalid="ignore", over="ignore"):
            velocity = self._velocity(u)
            if velocity is not None:
                names = tuple("V" + axis for axis in "xyz"[: len(self.lengths)])
                found[KINETIC_ENERGY] = kinetic_energy_spectrum(velocity, self.lengths, names)
            found[ENSTROPHY] = 0.5 * power_spectrum(self._curl(u), self.lengths).sum(-1)
        space = u.shape[u.ndim - 1 - len(self.lengths) : -1]
        shells = resolved_shells([n for n in space if n > 1], self._long(space)) if max(space) > 1 else 1
        return {name: spectrum[..., :shells] for name, spectrum in found.items()}

    def _long(self, space: Sequence[int]) -> list[float]:
        """Return the lengths of the axes with several points."""
        return [length for n, length in zip(space, self.lengths, strict=True) if n > 1]

    @property
    def _vorticity(self) -> int | None:
        return self._number_of(_VORTICITY)

    def _number_of(self, channel: str) -> int | None:
        names = [name.lower() for name in self.channel_names]
        return names.index(channel) if channel in names else None

    def _velocity(self, u: Frames) -> Frames | None:
        """Return the velocity [..., *space, component], or None if it is not known."""
        channels = velocity_channels(self.channel_names, len(self.lengths))
        if channels:
            return u[..., list(channels)]
        if not self.periodic or self._vorticity is None:
            return None
        modes = np.fft.fft2(u[..., self._vorticity])
        space = u.shape[-3:-1]
        kx, ky = self._wave_numbers(space)
        square = sum(k**2 for k in self._wave_numbers(space, nyquist=True))
        stream = np.divide(modes, square, out=np.zeros_like(modes), where=square > 0)
        components = [np.fft.ifft2(1j * ky * stream).real, np.fft.ifft2(-1j * kx * stream).real]
        return np.stack(components, -1)

    def _curl(self, u: Frames) -> Frames:
        """Return the vorticity [..., *space, component], with one component in two dimensions."""
        channels = velocity_channels(self.channel_names, len(self.lengths))
        if not channels:
            return u[..., self._vorticity, None]
        g = self._gradient(u[..., list(channels)])
        pairs = [(1, 0)] if len(self.lengths) == 2 else [(2, 1), (0, 2), (1, 0)]
        return np.stack([g[..., i, j] - g[..., j, i] for i, j in pairs], -1)

    def _gradient(self, v: Frames) -> Float[np.ndarray, "... component axis"]:
        """Return ∂v_i/∂x_j, [..., *space, component, axis]."""
        dimension = len(self.lengths)
        first = v.ndim - 1 - dimension
        derivatives = []
        if self.periodic:
            axes = tuple(range(first, v.ndim - 1))
            modes = np.fft.fftn(v, axes=axes)
            for k in self._wave_numbers(v.shape[first:-1]):
                derivatives.append(np.fft.ifftn(1j * k[..., None] * modes, axes=axes).real)
        else:
            for axis, length in enumerate(self.lengths):
                n = v.shape[first + axis]
                one = np.gradient(v, length / n, axis=first + axis) if n > 1 else np.zeros_like(v)
                derivatives.append(one)
        return np.stack(derivatives, -1)

    def _wave_numbers(self, space: Sequence[int], nyquist: bool = False) -> list[np.ndarray]:
        """Return 2π k/L along each axis, [*space]; without `nyquist`, that mode is 0: its derivative is unknown."""
        waves = []
        for n, length in zip(space, self.lengths, strict=True):
            k = np.fft.fftfreq(n, 1 / n)
            waves.append(2 * np.pi / length * k * (nyquist | (2 * np.abs(k) != n)))
        return list(np.meshgrid(*waves, indexing="ij"))
