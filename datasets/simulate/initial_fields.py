"""Random initial conditions in two dimensions as functions, which every resolution evaluates on its own grid."""

import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cape.datasets.simulate.initial_conditions import uniform_numbers

HIGHEST_MODE = 16  # of random fields: what is left out has 1e-4 of the variance at most


@dataclass(frozen=True)
class RandomField:
    """Real Fourier series on the unit torus, w(x, y) = Re ∑ c[k, l] exp(2πi (k x + l y)); one channel.

    k runs from −K to K and l from 0 to K.
    """

    coefficients: np.ndarray  # complex [sample, 2K + 1, K + 1]

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "sample x y 1"]:
        """Evaluate on the grid of points x and y -> float64."""
        highest = self.coefficients.shape[2] - 1
        along_x = np.exp(2j * np.pi * np.outer(np.arange(-highest, highest + 1), x))
        along_y = np.exp(2j * np.pi * np.outer(np.arange(highest + 1), y))
        return (along_x.T @ self.coefficients @ along_y).real[..., None]

    def select(self, samples: slice | np.ndarray) -> "RandomField":
        """Return these samples only."""
        return RandomField(self.coefficients[samples])


@dataclass(frozen=True)
class Spots:
    """Bell-shaped spots of B in a sea of A: B = 1 − ∏ₘ (1 − hₘ gₘ), A = 1 − B, gₘ a Gaussian; channels A, B.

    Everything is periodic with period `length`. Rows of arrays are samples; a spot of height zero is none.
    """

    centres: np.ndarray  # [sample, spot, 2]
    widths: np.ndarray  # [sample, spot]: standard deviations
    heights: np.ndarray  # [sample, spot]
    length: float

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "sample x y 2"]:
        """Evaluate on the grid of points x and y -> float64 in [0, 1]."""
        along_x, along_y = (self._bell(points, axis) for axis, points in enumerate((x, y)))
        a = np.ones((len(self.centres), len(x), len(y)))
        for spot in range(self.centres.shape[1]):
            a *= 1 - self.heights[:, spot, None, None] * along_x[:, spot, :, None] * along_y[:, spot, None, :]
        return np.stack([a, 1 - a], axis=-1)

    def _bell(self, points: np.ndarray, axis: int) -> Float[np.ndarray, "sample spot point"]:
        distance = points - self.centres[:, :, axis, None]
        distance = (distance + self.length / 2) % self.length - self.length / 2  # to the nearest image
        return np.exp(-0.5 * (distance / self.widths[..., None]) ** 2)

    def select(self, samples: slice | np.ndarray) -> "Spots":
        """Return these samples only."""
        return Spots(self.centres[samples], self.widths[samples], self.heights[samples], self.length)


@dataclass(frozen=True)
class Patches:
    """Excited squares in a state of rest on [−1, 1]²; channels u, v take one value inside, one outside."""

    corners: np.ndarray  # [sample, patch, 2]: lower corners
    side: float
    inside: tuple[float, float]
    outside: tuple[float, float]

    def __call__(self, x: np.ndarray, y: np.ndarray, width: float = 0.0) -> Float[np.ndarray, "sample x y 2"]:
        """Evaluate at the points of the grid or, with a `width`, averaged over cells of that width around them."""
        along_x, along_y = (self._covered(points, axis, width) for axis, points in enumerate((x, y)))
        free = np.prod(1 - along_x[:, :, :, None] * along_y[:, :, None, :], axis=1)[..., None]
        return np.array(self.inside) * (1 - free) + np.array(self.outside) * free

    def _covered(
        self, points: np.ndarray, axis: int, width: float
    ) -> Float[np.ndarray, "sample patch point"]:
        start = self.corners[:, :, axis, None]
        if width == 0.0:
            return ((points >= start) & (points < start + self.side)).astype(np.float64)
        low, high = points - width / 2, points + width / 2
        covered = np.minimum(high, start + self.side) - np.maximum(low, start)
        return np.clip(covered / width, 0.0, 1.0)

    def select(self, samples: slice | np.ndarray) -> "Patches":
        """Return these samples only."""
        return Patches(self.corners[samples], self.side, self.inside, self.outside)


def random_vorticity(
    seed: int, samples: int, *, alpha: float = 2.5, tau: float = 7.0, size: float | None = None
) -> RandomField:
    """Draw Gaussian random fields of mean zero and covariance τ^(2α − 2) (−∇² + τ²)^(−α) on the unit torus.

    With a `size` they are scaled to that root mean square, expected over all samples; without, it is 0.18.
    Sample i depends on the seed and on i alone, as for everything drawn here.

    Raises:
        ValueError: when fewer than one sample is asked for.
    """
    _at_least_one(samples)
    k = np.arange(-HIGHEST_MODE, HIGHEST_MODE + 1)[:, None]
    l = np.arange(HIGHEST_MODE + 1)[None, :]  # noqa: E741
    one_of_each_pair = (l > 0) | (k > 0)
    deviation = tau ** (alpha - 1) * (4 * np.pi**2 * (k**2 + l**2) + tau**2) ** (-alpha / 2)
    deviation = np.sqrt(2) * deviation * one_of_each_pair
    if size is not None:
        deviation *= size / np.sqrt((deviation**2).sum())
    normal = _normal_numbers(seed, "random-vorticity", samples, 2 * deviation.size)
    cosine, sine = normal.reshape(samples, 2, *deviation.shape).swapaxes(0, 1)
    return RandomField(deviation * (cosine - 1j * sine))


def random_spots(seed: int, samples: int, *, length: float = 2.0) -> Spots:
    """Draw 2.5 to 10 spots per unit of area: centre anywhere, width in [0.03, 0.1), height in [0.3, 0.9)."""
    _at_least_one(samples)
    fewest, most = max(round(2.5 * length**2), 1), max(round(10 * length**2), 1)
    uniform = uniform_numbers(seed, "random-spots", samples, 1 + 4 * most)
    x, y, widths, heights = uniform[:, 1:].reshape(samples, 4, most).swapaxes(0, 1)
    count = fewest + np.floor((most - fewest + 1) * uniform[:, :1])
    return Spots(
        centres=length * (np.stack([x, y], axis=-1) - 0.5),
        widths=0.03 + 0.07 * widths,
        heights=np.where(np.arange(most) < count, 0.3 + 0.6 * heights, 0.0),
        length=length,
    )


def random_patches(seed: int, samples: int) -> Patches:
    """Draw six squares per sample, a tenth of the domain's side wide: u = 0, v = 1 in u = 0.95, v = 0.05."""
    _at_least_one(samples)
    side = 0.2
    uniform = uniform_numbers(seed, "random-patches", samples, 12).reshape(samples, 6, 2)
    return Patches(-1 + (2 - side) * uniform, side, inside=(0.0, 1.0), outside=(0.95, 0.05))


def _normal_numbers(
    seed: int, purpose: str, samples: int, numbers: int
) -> Float[np.ndarray, "sample number"]:
    stream = zlib.crc32(purpose.encode())
    return np.stack(
        [np.random.default_rng((seed, stream, i)).standard_normal(numbers) for i in range(samples)]
    )


def _at_least_one(samples: int) -> None:
    if samples < 1:
        raise ValueError(f"expected at least one sample, got samples={samples}")
