"""The fit of an observation: best parameters, noise, and how far the misfit may rise."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cape.parameter_inference.members import fit_members
from cape.parameter_inference.minimise import Minima, minimise
from cape.parameter_inference.misfit import Misfit
from cape.parameter_inference.noise import estimated_noise
from cape.parameter_inference.profile import Profiles, profiles

_SMALLEST = 1e-30


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """The fit of each trajectory. Positions are those of `ParameterScale`.

    Attributes:
        profiles: the estimates, and how the misfit rises on both sides.
        minima: all minima that were found.
        noise: standard deviation of the noise of each channel, over that of the channel.
        covariance: of the estimates, as linear error propagation gives it.
        unit: the rise of r·r at one standard deviation from the estimate, along the profile of each parameter.
        distance: how many standard deviations each point of a profile lies from the estimate.
        unexplained: r·r of each channel that the noise does not explain.
        residual: r at the estimates.
        members: the estimate of each member of an ensemble; none for a single surrogate.
        freedom: degrees of freedom of the standard deviations. They are infinite but for the part that is estimated
            from the members (Welch-Satterthwaite).
    """

    profiles: Profiles
    minima: Minima
    noise: Float[np.ndarray, "trajectory channel"]
    covariance: Float[np.ndarray, "trajectory sought sought"]
    unit: Float[np.ndarray, "trajectory sought"]
    distance: Float[np.ndarray, "trajectory sought point"]
    unexplained: Float[np.ndarray, "trajectory observed"]
    residual: Float[np.ndarray, "trajectory time *points observed"]
    members: Float[np.ndarray, "trajectory member sought"]
    freedom: Float[np.ndarray, "trajectory sought"]

    @property
    def best(self) -> Float[np.ndarray, "trajectory sought"]:
        return self.profiles.best

    def distance_of(
        self, x: Float[np.ndarray, "trajectory sought"]
    ) -> Float[np.ndarray, "trajectory sought"]:
        """Return how many standard deviations positions lie from the estimates, along the profiles."""
        return np.stack([self.distance_at(trajectory, each) for trajectory, each in enumerate(x)])

    def distance_at(self, trajectory: int, x: Float[np.ndarray, " sought"]) -> Float[np.ndarray, " sought"]:
        """Return how many standard deviations a position lies from the estimate of one trajectory."""
        lines = zip(x, self.profiles.positions[trajectory], self.distance[trajectory], strict=True)
        return np.array([np.interp(value, positions, distance) for value, positions, distance in lines])

    def interval(
        self, factor: Float[np.ndarray, "trajectory sought"]
    ) -> Float[np.ndarray, "trajectory sought end"]:
        """Return the ends of the smallest interval that holds every position within `factor` standard deviations."""
        ends = np.empty((*self.best.shape, 2))
        for trajectory, sought in np.ndindex(*self.best.shape):
            positions, distance = (
                self.profiles.positions[trajectory, sought],
                self.distance[trajectory, sought],
            )
            ends[trajectory, sought] = _crossings(positions, distance, float(factor[trajectory, sought]))
        return ends


def fit(
    misfit: Misfit,
    noise: Float[np.ndarray, " channel"] | None,
    starts: int,
    members: Sequence[Misfit] = (),
) -> Fit:
    """Fit every trajectory of an observation.

    The covariance follows from linear error propagation, with G = (JᵀJ)⁻¹Jᵀ. It has three parts:
    the noise of the compared frames, independent everywhere; the noise of the first frames, carried along by the
    rollout; and the surrogate's own error. The members of an ensemble show the last (`fit_members`). Of the error of a
    single surrogate nothing is known but its size, which is what remains of the residual. It counts as one independent
    residual per channel: it may have the shape that moves the estimate most.

    Args:
        misfit: compares rollouts with the observation.
        noise: standard deviation of each channel of the surrogate, over that of the channel; None: estimated.
        starts: how many minima to look for.
        members: the misfits of the members of an ensemble.

    Raises:
        ValueError: no rollout is finite.
    """
    observation = misfit.observation
    minima = minimise(misfit, starts)
    if not np.isfinite(minima.misfit[:, 0]).all():
        raise ValueError(
            f"{observation.source}: no rollout of the surrogate from the first frame is finite; check the units of the "
            "fields, or give bounds inside the trained range"
        )
    found = profiles(misfit, minima.x[:, 0])
    rows = np.arange(observation.trajectories)
    residual, levels, expected = _noise(misfit, found.best, noise)
    variance = levels**2
    unexplained = np.maximum(found.squares - expected, 0.0)

    tangents = misfit.tangents(found.best, rows)
    curvature = np.einsum("bicn,bjcn->bcij", tangents, tangents)
    inverse = np.linalg.pinv(curvature.sum(1), hermitian=True)
    spread = np.einsum("bc,bcij->bij", variance[:, list(observation.channels)], curvature)
    if not observation.exact_start:
        spread += np.einsum("bc,bcij->bij", variance, misfit.start_curvature(found.best, rows, tangents))
    estimates = np.empty((len(found.best), 0, found.best.shape[1]))
    if members:
        fits = fit_members(members, found.best, residual, unexplained.sum(1))
        estimates, own = fits.best, fits.covariance
    else:
        own = inverse @ np.einsum("bc,bcij->bij", unexplained, curvature) @ inverse
    covariance = inverse @ spread @ inverse + own
    variances, of_members, unscaled = (
        np.maximum(np.einsum("bii->bi", a), _SMALLEST) for a in (covariance, own, inverse)
    )
    unit = variances / unscaled
    freedom = (len(members) - 1) * (variances / of_members) ** 2 if members else np.full_like(unit, np.inf)
    distance = np.sqrt(found.rise / unit[:, :, None])
    return Fit(found, minima, levels, covariance, unit, distance, unexplained, residual, estimates, freedom)


def _noise(
    misfit: Misfit, best: Float[np.ndarray, "trajectory sought"], given: Float[np.ndarray, " channel"] | None
) -> tuple[np.ndarray, Float[np.ndarray, "trajectory channel"], Float[np.ndarray, "trajectory observed"]]:
    """Return the residual, the noise of each channel, and r·r of each observed channel that the noise explains.

    A residual holds the noise of the compared frames and that of the first frames, which the rollout carries along.
    Both are drawn once, with level 1 if the level is not known; it is then the ratio of roughness of the two residuals.
    """
    observation = misfit.observation
    channels = list(observation.channels)
    draw = np.random.default_rng(0)
    level = np.ones(len(misfit.channel_names)) if given is None else given
    drawn = level[channels] * draw.normal(size=observation.target.shape)
    change = level * draw.normal(size=observation.first.shape) * (not observation.exact_start)
    residual, moved = misfit.residuals(best, np.arange(observation.trajectories), change)
    drawn += moved
    squares = (drawn**2).reshape(len(drawn), -1, len(channels)).sum(1)
    levels = np.tile(level, (len(drawn), 1))
    if given is not None:
        return residual, levels, squares
    ratio = estimated_noise(residual) / np.maximum(estimated_noise(drawn), _SMALLEST)
    levels[:] = ratio.mean(1, keepdims=True)  # of channels that are not observed
    levels[:, channels] = ratio
    return residual, levels, ratio**2 * squares


def _crossings(positions, distance, factor: float) -> tuple[float, float]:
    """Return the outermost positions at which the distance crosses `factor`, with straight lines between points."""
    inside = np.flatnonzero(distance <= factor)
    first, last = int(inside[0]), int(inside[-1])
    low, high = positions[first], positions[last]
    if first > 0:
        low = _between(positions, distance, first - 1, first, factor)
    if last < len(positions) - 1:
        high = _between(positions, distance, last + 1, last, factor)
    return float(low), float(high)


def _between(positions, distance, outer: int, inner: int, factor: float) -> float:
    if not np.isfinite(distance[outer]):
        return float(positions[inner])
    share = (factor - distance[inner]) / (distance[outer] - distance[inner])
    return float(positions[inner] + share * (positions[outer] - positions[inner]))
