"""Random initial flows: density, pressure and velocity disturbed by Fourier modes, as functions of space."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from cape.datasets.simulate.gas import GAMMA
from cape.datasets.simulate.initial_conditions import cell_centres, uniform_numbers

HIGHEST_WAVE_NUMBER = 4
POINTS = 32  # per axis of the grid on which disturbances are scaled, whatever the resolution asked for


@dataclass(frozen=True)
class RandomFlow:
    """Periodic flows on the unit interval, square or cube around a uniform state, for any Mach number.

    ρ = ρ₀ (1 + f₁), p = p₀ (1 + f₂), v = M √(γp₀/ρ₀) (f₃, …), where every f is Re ∑ₖ cₖ exp(2πi k·x), k with
    components 1, …, 4 of either sign. Arrays carry one row per sample.
    """

    density: np.ndarray  # [sample]: ρ₀
    pressure: np.ndarray  # [sample]: p₀
    mach: np.ndarray  # [sample]: M where none is given
    modes: np.ndarray  # complex [sample, field, *wave numbers], those of `wave_numbers`

    def __call__(
        self, x: Float[np.ndarray, " n"], mach: Float[np.ndarray, " sample"] | None = None
    ) -> Float[np.ndarray, "sample *space channel"]:
        """Evaluate density, pressure and velocity on the grid of points x along every axis -> float64."""
        fields = _evaluate(self.modes, x)
        mach = self.mach if mach is None else np.asarray(mach, np.float64)
        speed = mach * np.sqrt(GAMMA * self.pressure / self.density)
        scales = [self.density, self.pressure, *[speed] * (fields.shape[1] - 2)]
        scales = np.stack(scales, axis=1).reshape(*fields.shape[:2], *[1] * (fields.ndim - 2))
        fields[:, :2] += 1.0
        return np.moveaxis(scales * fields, 1, -1)

    def select(self, samples: slice | np.ndarray) -> "RandomFlow":
        """Return these samples only."""
        return RandomFlow(*(getattr(self, name)[samples] for name in self.__dataclass_fields__))


def random_flow(dimension: int, seed: int, samples: int) -> RandomFlow:
    """Draw flows like those of the benchmark's files of random fields.

    ρ₀ and p₀/ρ₀ are uniform in [1, 10). The modes of each field have amplitudes uniform in [0, 1) times |k|^(−½)
    and phases uniform in [0, 2π); density is then scaled to a largest disturbance uniform in [0.1, 0.7),
    pressure in [0.05, 0.4), and velocity to a mean speed of M times the speed of sound of the uniform state,
    M uniform in [0.1, 1) where it is no parameter.

    Sample i depends on the seed and on i alone: not on how many samples are asked for, nor on any parameter.

    Raises:
        ValueError: when fewer than one sample is asked for.
    """
    if samples < 1:
        raise ValueError(f"expected at least one sample, got samples={samples}")
    k = np.meshgrid(*wave_numbers(dimension), indexing="ij")
    shape = (2, samples, 2 + dimension, *k[0].shape)
    numbers = uniform_numbers(seed, f"random-flow-{dimension}", samples, 5 + shape[2] * 2 * k[0].size)
    amplitudes, phases = numbers[:, 5:].reshape(samples, 2, *shape[2:]).swapaxes(0, 1)
    modes = amplitudes * sum(a**2 for a in k) ** -0.25 * np.exp(2j * np.pi * phases)
    density, temperature, mach = 1 + 9 * numbers[:, 0], 1 + 9 * numbers[:, 1], 0.1 + 0.9 * numbers[:, 2]
    largest = np.stack([0.1 + 0.6 * numbers[:, 3], 0.05 + 0.35 * numbers[:, 4]], axis=1)
    for i in range(samples):
        fields = _evaluate(modes[i : i + 1], cell_centres(POINTS))[0]
        reached = np.abs(fields[:2]).reshape(2, -1).max(axis=1)
        speed = np.sqrt((fields[2:] ** 2).sum(axis=0)).mean()
        scales = np.append(largest[i] / reached, np.full(dimension, 1 / speed))
        modes[i] *= scales.reshape(-1, *[1] * dimension)
    return RandomFlow(density, density * temperature, mach, modes)


def wave_numbers(dimension: int) -> list[Float[np.ndarray, " k"]]:
    """Wave numbers along each axis: positive ones along the first, where the other sign is the conjugate."""
    positive = np.arange(1.0, HIGHEST_WAVE_NUMBER + 1)
    return [positive] + [np.concatenate([-positive[::-1], positive])] * (dimension - 1)


def _evaluate(
    modes: Complex[np.ndarray, "sample field *k"], x: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "sample field *space"]:
    """Re ∑ₖ cₖ exp(2πi k·x) on the grid of points x along every axis, one axis after the other."""
    for k in wave_numbers(modes.ndim - 2):
        modes = np.tensordot(modes, np.exp(2j * np.pi * np.outer(k, x)), axes=(2, 0))
    return modes.real.copy()
