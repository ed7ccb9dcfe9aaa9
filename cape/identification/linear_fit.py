"""The fit of the linear part of an equation, from second-order statistics of the Fourier modes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy.optimize import least_squares

from cape.identification.elimination import eliminate
from cape.identification.terms import WAVE_NUMBER_UNIT, Axes, Term

_NOISE = 1e-13  # of the energy of the strongest mode
_SMALLEST_CHANGE = 1e-6  # of the energy; frames that change less count as constant
_RIDGE = 1e-6
_STAGES, _ITERATIONS = 10, 30
_MOST_ENTRIES = 2048  # of the matrices that are fitted; of more, some are drawn
_NEGLIGIBLE, _SMALLEST = (
    0.02,
    1e-9,
)  # rise of the misfit that the removal of a term may cause: relative, absolute


class ModeStatistics(NamedTuple):
    """Second-order statistics of modes û before and û' after a time step, for each of several parameter values.

    Attributes:
        waves: i k / unit [mode, axis], see `WAVE_NUMBER_UNIT`.
        best: the best linear map from û to û', ⟨û' ûᴴ⟩ ⟨û ûᴴ⟩⁻¹ [value, mode, channel, channel].
        root: the square root of ⟨û ûᴴ⟩, over the error of persistence, [value, mode, channel, channel].
        remainder: mean square error of the best linear map over that of persistence [value].
    """

    waves: Complex[np.ndarray, "mode axis"]
    best: Complex[np.ndarray, "value mode channel channel"]
    root: Complex[np.ndarray, "value mode channel channel"]
    remainder: Float[np.ndarray, " value"]


def mode_statistics(
    groups: Sequence[Float[np.ndarray, "sample time *space channel"]], axes: Axes
) -> ModeStatistics:
    """Compute the statistics of trajectories, one array for each value, all channels of standard deviation 1."""
    spectra = [_spectrum(u, axes) for u in groups]
    waves = spectra[0][0]
    before = [modes[:, :-1] for _, modes in spectra]
    after = [modes[:, 1:] for _, modes in spectra]
    own = np.stack([np.einsum("stmi,stmj->mij", a, a.conj()) for a in before])
    cross = np.stack([np.einsum("stmi,stmj->mij", b, a.conj()) for a, b in zip(before, after, strict=True)])
    energy = np.stack([np.einsum("stmi,stmi->m", b, b.conj()).real for b in after])
    persistence = np.array([(np.abs(b - a) ** 2).sum() for a, b in zip(before, after, strict=True)])
    persistence = np.maximum(persistence, _SMALLEST_CHANGE * energy.sum(1))
    own = own + _NOISE * np.einsum("gmii->gm", own).real.max() * np.eye(own.shape[-1])
    best = cross @ np.linalg.inv(own)
    values, vectors = np.linalg.eigh(own)
    root = (
        vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :] / np.sqrt(persistence)[:, None, None, None]
    )
    explained = np.einsum("gmij,gmjk,gmik->gm", best, own, best.conj()).real
    return ModeStatistics(waves, best, root, np.maximum((energy - explained).sum(1) / persistence, 0.0))


def _spectrum(u: np.ndarray, on: Axes) -> tuple[np.ndarray, np.ndarray]:
    """Return i k / unit [mode, axis] and the modes [sample, time, mode, channel] of half of the low wave numbers."""
    dimension = len(on.periodic)
    axes = tuple(range(2, 2 + dimension))
    for axis, around in zip(axes, on.periodic, strict=True):
        if not around:
            u = np.concatenate([u, np.flip(u, axis) * np.array(on.signs(u.shape[-1]))], axis)
    modes = np.fft.fftn(u, axes=axes) / np.prod([u.shape[axis] for axis in axes])
    numbers = [np.fft.fftfreq(n, 1 / n) for n in modes.shape[2:-1]]
    k = np.stack(np.meshgrid(*numbers, indexing="ij"), -1)
    k = k / np.where(on.periodic, 1.0, 2.0) / WAVE_NUMBER_UNIT
    first = np.sign(k)
    for axis in range(1, dimension):  # the sign of the first wave number that is not zero
        first[..., axis] = np.where(first[..., axis - 1] == 0, first[..., axis], first[..., axis - 1])
    chosen = (np.abs(k) <= np.array(on.highest)).all(-1) & (first[..., -1] > 0)
    return 1j * k[chosen], modes[:, :, chosen]


class LinearFit:
    """Least squares for the coefficients of linear terms: |(exp(L) − best) root|² over modes and values.

    Args:
        statistics: of the values to fit.
        terms: the linear terms.
        functions: the functions of the parameters [value, function].
    """

    def __init__(
        self,
        statistics: ModeStatistics,
        terms: Sequence[Term],
        functions: Float[np.ndarray, "value function"],
    ):
        self.statistics, self.functions = statistics, functions
        self.channels = statistics.best.shape[-1]
        rows = [np.prod(statistics.waves ** np.array(t.factors[0].powers), -1) for t in terms]
        self.derivatives = np.stack(rows, -1)  # [mode, term]
        self.places = np.array([(t.output, t.factors[0].channel) for t in terms])
        self.shape = (len(terms), functions.shape[1])
        self.scale = 1 / np.sqrt(len(functions))
        self._every = np.nonzero(np.ones(statistics.best.shape[:2], bool))

    def solve(
        self,
        start: Float[np.ndarray, "term function"] | None = None,
        free: Bool[np.ndarray, "term function"] | None = None,
    ) -> Float[np.ndarray, "term function"]:
        """Return the coefficients; those not free are zero.

        Without a start, slow modes are fitted first and fast ones follow, so that phases are unwrapped. If modes and
        values are many, random ones are fitted.
        """
        free = np.ones(self.shape, bool) if free is None else free
        speed = np.abs(self.functions).max(1)[:, None] * np.abs(self.statistics.waves).max(1)[None]
        levels = [np.inf]
        if start is None:
            start, levels = (
                np.zeros(self.shape),
                [*np.quantile(speed, np.linspace(0.02, 1.0, _STAGES)), np.inf],
            )
        x = np.where(free, start, 0.0)
        for level in levels:
            chosen = self._some(np.nonzero(speed <= level))
            with np.errstate(all="ignore"):
                x[free] = least_squares(
                    lambda y, x=x, chosen=chosen: self._residuals(_filled(x, free, y), chosen),
                    x[free],
                    lambda y, x=x, chosen=chosen: self._jacobian(_filled(x, free, y), chosen)[
                        :, free.ravel()
                    ],
                    x_scale="jac",
                    max_nfev=_ITERATIONS,
                ).x
        return x

    def _some(self, chosen: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """Return numbers of values and modes, or some of them if their matrices have too many entries."""
        most = max(_MOST_ENTRIES // self.channels**2, 1)
        if len(chosen[0]) <= most:
            return chosen
        drawn = np.sort(np.random.default_rng(0).choice(len(chosen[0]), most, replace=False))
        return tuple(numbers[drawn] for numbers in chosen)

    def without_negligible(self, x: Float[np.ndarray, "term function"]) -> Bool[np.ndarray, "term function"]:
        """Return which coefficients the fit needs."""
        with np.errstate(all="ignore"):
            jacobian = self._jacobian(x, self._every)
        allowed = max(_NEGLIGIBLE * self.misfit(x).mean(), _SMALLEST)
        return eliminate(x, np.ones(x.shape, bool), jacobian.T @ jacobian, allowed)[1]

    def misfit(self, x: Float[np.ndarray, "term function"]) -> Float[np.ndarray, " value"]:
        """Return the mean square error of one step over that of persistence, for each value."""
        every = self._every
        with np.errstate(all="ignore"):
            errors = self._exponential(x, every)[0] - self.statistics.best[every]
            errors = np.abs(errors @ self.statistics.root[every])
        squares = np.where(np.isfinite(errors), errors, 1e3) ** 2
        return squares.reshape(len(self.functions), -1).sum(1) + self.statistics.remainder

    def growth(self, x: Float[np.ndarray, "term function"]) -> float:
        """Return the largest growth of a mode in a time step at any value, as a logarithm."""
        return float(np.log(np.abs(np.linalg.eigvals(self._exponential(x, self._every)[0])).max()))

    def _exponential(self, x: np.ndarray, chosen) -> tuple[np.ndarray, ...]:
        """Return exp(L) and what its derivative needs: the eigenvectors, their inverse, and divided differences."""
        value, mode = chosen
        rates = self.derivatives[mode] * (self.functions @ x.reshape(self.shape).T)[value]  # [number, term]
        matrix = np.zeros((len(value), self.channels, self.channels), complex)
        for term, (i, j) in enumerate(self.places):
            matrix[:, i, j] += rates[:, term]
        matrix = np.clip(matrix.real, -1e3, 1e2) + 1j * np.nan_to_num(matrix.imag)
        eigenvalues, vectors = np.linalg.eig(matrix)
        inverse = np.linalg.inv(vectors + 1e-12 * np.eye(self.channels))
        exponentials = np.exp(np.minimum(eigenvalues.real, 5.0) + 1j * eigenvalues.imag)
        gap = eigenvalues[:, :, None] - eigenvalues[:, None, :]
        equal = np.abs(gap) < 1e-9
        rise = exponentials[:, :, None] - exponentials[:, None, :]
        divided = np.where(equal, exponentials[:, :, None], rise / np.where(equal, 1.0, gap))
        return (vectors * exponentials[:, None, :]) @ inverse, vectors, inverse, divided

    def _residuals(self, x: np.ndarray, chosen) -> np.ndarray:
        errors = (self._exponential(x, chosen)[0] - self.statistics.best[chosen]) @ self.statistics.root[
            chosen
        ]
        errors = np.nan_to_num(errors.ravel() * self.scale, nan=1e3)
        return np.concatenate([errors.real, errors.imag, _RIDGE * x.ravel()])

    def _jacobian(self, x: np.ndarray, chosen) -> np.ndarray:
        value, mode = chosen
        _, vectors, inverse, divided = self._exponential(x, chosen)
        after = inverse @ self.statistics.root[chosen]
        columns = (
            np.einsum("nab,nai,njb,npa,nbq->npqij", divided, inverse, vectors, vectors, after) * self.scale
        )
        columns = columns[..., self.places[:, 0], self.places[:, 1]] * self.derivatives[mode][:, None, None]
        jacobian = columns[..., None] * self.functions[value][:, None, None, None]
        jacobian = np.nan_to_num(jacobian.reshape(-1, x.size))
        return np.concatenate([jacobian.real, jacobian.imag, _RIDGE * np.eye(x.size)])


def _filled(x: np.ndarray, free: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a copy of x with the free coefficients y."""
    filled = x.copy()
    filled[free] = y
    return filled
