"""Random initial conditions as functions, which every resolution evaluates on its own grid."""

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float


class InitialConditions(Protocol):
    """A batch of functions on [0, 1): called with points it gives u₀[sample, point]."""

    def __call__(self, x: np.ndarray) -> np.ndarray: ...

    def select(self, samples: slice | np.ndarray) -> "InitialConditions": ...


@dataclass(frozen=True)
class Waves:
    """Periodic waves, u₀(x) = c + s(∑ₘ aₘ sin(2π kₘ x + φₘ)) · w(x), with s(v) = v or ±|v|, w a window or one.

    All arrays are float64 and carry one row per sample. A window covers [start, start + length) modulo 1.
    """

    wave_numbers: np.ndarray  # [sample, mode]
    amplitudes: np.ndarray  # [sample, mode]
    phases: np.ndarray  # [sample, mode]
    rectified: np.ndarray  # [sample]: 0 leaves the waves alone, ±1 takes ±|v|
    window_start: np.ndarray  # [sample]
    window_length: np.ndarray  # [sample]: 1 means no window
    offsets: np.ndarray  # [sample]: c

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate at points x[point] (shared) or x[sample, point] -> float64 [sample, point]."""
        x = _points(x)
        angles = 2 * np.pi * self.wave_numbers[..., None] * x[:, None, :] + self.phases[..., None]
        u = (self.amplitudes[..., None] * np.sin(angles)).sum(axis=1)
        u = np.where(self.rectified[:, None] == 0, u, self.rectified[:, None] * np.abs(u))
        inside = (x - self.window_start[:, None]) % 1.0 < self.window_length[:, None]
        return np.where(inside, u, 0.0) + self.offsets[:, None]

    def select(self, samples: slice | np.ndarray) -> "Waves":
        """Return these samples only."""
        return Waves(*(getattr(self, name)[samples] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Normalised:
    """Non-negative waves with maximum one, |u₀(x)| / max |u₀|, for states that are densities in [0, 1].

    The maximum is taken on a fixed grid of 4096 points, so that it does not depend on the resolution asked
    for.
    """

    waves: Waves
    scales: np.ndarray  # [sample]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate at points x[point] (shared) or x[sample, point] -> float64 [sample, point] in [0, 1]."""
        return np.minimum(np.abs(self.waves(x)) / self.scales[:, None], 1.0)

    def select(self, samples: slice | np.ndarray) -> "Normalised":
        """Return these samples only."""
        return Normalised(self.waves.select(samples), self.scales[samples])


def random_waves(
    seed: int,
    samples: int,
    *,
    modes: int = 2,
    highest_wave_number: int = 4,
    probability_absolute: float = 0.1,
    probability_window: float = 0.1,
    largest_offset: float = 1.0,
) -> Waves:
    """Draw waves like those of the public 1D benchmark files.

    Each is a sum of `modes` sines with wave number uniform in {1, …, highest_wave_number}, amplitude uniform
    in [0, 1) and phase uniform in [0, 2π). With probability `probability_absolute` it is replaced by its
    absolute value with a random sign, with probability `probability_window` it is cut to zero outside a
    random interval (length uniform in [0.1, 0.9)). A constant, uniform in ±`largest_offset`, is added: the
    public files have mean values of about that size, and a state that decays to exactly nothing leaves
    relative errors without meaning.

    Sample i depends on the seed and on i alone: not on how many samples are asked for, nor on any parameter.

    Raises:
        ValueError: when fewer than one sample is asked for.
    """
    if samples < 1:
        raise ValueError(f"expected at least one sample, got samples={samples}")
    uniform = uniform_numbers(seed, "initial-condition", samples, 6 + 3 * modes)
    absolute, sign, window, length, start = uniform[:, :5].T
    wave_numbers, amplitudes, phases = uniform[:, 5:-1].reshape(samples, 3, modes).swapaxes(0, 1)
    return Waves(
        wave_numbers=1.0 + np.floor(highest_wave_number * wave_numbers),
        amplitudes=amplitudes,
        phases=2 * np.pi * phases,
        rectified=np.where(absolute < probability_absolute, np.where(sign < 0.5, -1.0, 1.0), 0.0),
        window_start=start,
        window_length=np.where(window < probability_window, 0.1 + 0.8 * length, 1.0),
        offsets=largest_offset * (2.0 * uniform[:, -1] - 1.0),
    )


def uniform_numbers(
    seed: int, purpose: str, samples: int, numbers: int
) -> Float[np.ndarray, "sample number"]:
    """Draw numbers in [0, 1) whose row i is a function of (seed, purpose, i) alone."""
    stream = zlib.crc32(purpose.encode())
    return np.stack([np.random.default_rng((seed, stream, i)).random(numbers) for i in range(samples)])


def normalised_waves(seed: int, samples: int) -> Normalised:
    """Draw `random_waves` and scale each to [0, 1]; a sample that vanishes everywhere stays zero."""
    waves = random_waves(seed, samples, largest_offset=0.0)
    x = (np.arange(4096) + 0.5) / 4096
    largest = np.concatenate(
        [np.abs(waves.select(slice(i, i + 256))(x)).max(axis=1) for i in range(0, samples, 256)]
    )
    return Normalised(waves, np.where(largest > 0, largest, 1.0))


def cell_centres(resolution: int) -> Float[np.ndarray, " x"]:
    """Return the centres (i + 1/2)/n of n equal cells on [0, 1)."""
    return (np.arange(resolution) + 0.5) / resolution


def cell_averages(initial: InitialConditions, cells: int) -> Float[np.ndarray, "sample x"]:
    """Average an initial condition over each of n equal cells by three-point Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    x = cell_centres(cells)
    return sum(0.5 * w * initial(x + 0.5 * z / cells) for z, w in zip(nodes, weights, strict=True))


def _points(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim not in (1, 2):
        raise ValueError(f"expected points x of shape (point,) or (sample, point), got {x.shape}")
    return x[None, :] if x.ndim == 1 else x
