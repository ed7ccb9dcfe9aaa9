"""Random periodic waves as initial conditions in one dimension."""

from dataclasses import dataclass

import numpy as np

from cape.datasets.simulate.random_numbers import uniform_numbers


@dataclass(frozen=True)
class Waves:
    """Functions u₀(x) = c + s(∑ₘ aₘ sin(2π kₘ x + φₘ)) · w(x) on [0, 1), one per sample.

    s(v) is v, |v| or −|v|. The window w(x) is one, or one inside [start, start + length) modulo 1 and zero outside.
    All arrays are float64 with one row per sample.
    """

    wave_numbers: np.ndarray  # [sample, mode]
    amplitudes: np.ndarray  # [sample, mode]
    phases: np.ndarray  # [sample, mode]
    rectified: np.ndarray  # [sample]: 0 for s(v) = v, ±1 for ±|v|
    window_start: np.ndarray  # [sample]
    window_length: np.ndarray  # [sample]: 1 for no window
    offsets: np.ndarray  # [sample]: c

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate at points x[point] (shared) or x[sample, point]; return float64 [sample, point]."""
        x = _points(x)
        angles = 2 * np.pi * self.wave_numbers[..., None] * x[:, None, :] + self.phases[..., None]
        u = (self.amplitudes[..., None] * np.sin(angles)).sum(axis=1)
        u = np.where(self.rectified[:, None] == 0, u, self.rectified[:, None] * np.abs(u))
        inside = (x - self.window_start[:, None]) % 1.0 < self.window_length[:, None]
        return np.where(inside, u, 0.0) + self.offsets[:, None]

    def select(self, samples: slice | np.ndarray) -> "Waves":
        """Return these samples only."""
        return Waves(*(getattr(self, name)[samples] for name in self.__dataclass_fields__))


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
    """Draw waves like those of PDEBench's one-dimensional files.

    Each is a sum of `modes` sines. Wave numbers are uniform in {1, …, highest_wave_number}, amplitudes in [0, 1) and
    phases in [0, 2π). With `probability_absolute`, the sum is replaced by its absolute value with a random sign. With
    `probability_window`, it is set to zero outside a random interval, whose length is uniform in [0.1, 0.9).
    A constant, uniform in ±`largest_offset`, is added. PDEBench's files have mean values of about this size;
    without it, solutions that decay to zero make relative errors meaningless.

    Sample i depends on `seed` and i only.

    Raises:
        ValueError: fewer than one sample is asked for.
    """
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


def _points(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim not in (1, 2):
        raise ValueError(f"expected points x of shape (point,) or (sample, point), got {x.shape}")
    return x[None, :] if x.ndim == 1 else x
