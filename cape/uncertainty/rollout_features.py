"""Features of rollouts that go along with their errors."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.problem import Problem
from cape.uncertainty.images import images_of
from cape.uncertainty.position import features, frame_size, positions

Roll = Callable[
    [Float[Array, "batch history *space channel"], Float[Array, "batch parameter"], int],
    Float[Array, "batch member steps *space channel"],
]
_SMALLEST, _LARGEST = 1e-6, 1e3  # of relative differences
_FARTHEST = 1.0  # of a parameter from the trained range, in lengths of it
_OF_CHANNEL, _OF_IMAGE, _OF_SPREAD = 8, 2, 2  # numbers of features


class DescribedRollouts(NamedTuple):
    """Rollouts, the mean over the members of an ensemble, and their features."""

    frames: Float[Array, "batch steps *space channel"]
    features: Float[Array, "batch feature"]


def count_features(problem: Problem, members: int) -> int:
    """Return how many features `describe_rollouts` gives."""
    of_channel = _OF_CHANNEL + _OF_IMAGE * len(images_of(problem)) + (_OF_SPREAD if members > 1 else 0)
    return 2 * len(problem.parameters) + of_channel * len(problem.channels)


def describe_rollouts(
    problem: Problem,
    roll: Roll,
    given: Float[Array, "batch history *space channel"],
    parameters: Float[Array, "batch parameter"],
    steps: int,
) -> DescribedRollouts:
    """Roll out frames and their images (see `images_of`), and compute features of the rollouts:

    - the positions of the parameters in the trained range, and their squares;
    - of each channel of the last given frame: mean, absolute mean, size and roughness (see `features`);
    - of each channel of the rollout: the size of its last frame over that of the given one, the roughness of the last
      and of the roughest frame, and the mean change in a step;
    - the difference from the rollout of each image, over the size of the given frame, in all frames and in the first;
    - the spread of the members of an ensemble, in all frames and in the last.

    All but means and positions are logarithms.
    """
    images, batch = images_of(problem), len(given)
    starts = jnp.concatenate([given, *(image.apply(given) for image in images)])
    repeated = jnp.tile(parameters, (len(images) + 1, 1))
    each = roll(starts, repeated, steps)  # [image and batch, member, steps, *space, channel]
    of_frames, *of_images = jnp.split(each.mean(1), len(images) + 1)
    size = frame_size(problem, given[:, -1])
    found = [_of_positions(problem, parameters), _of_first(problem, given[:, -1])]
    found.append(_of_rollout(problem, given[:, -1], of_frames, size))
    for image, frames in zip(images, of_images, strict=True):
        difference = _rms(image.undo(frames) - of_frames, size)
        found += [jnp.sqrt((difference**2).mean(1)), difference[:, 0]]
    if each.shape[1] > 1:
        spread = each[:batch].std(1)
        found += [jnp.sqrt((_rms(spread, size) ** 2).mean(1)), _rms(spread, size)[:, -1]]
    logarithms = [jnp.log(jnp.clip(jnp.nan_to_num(a, nan=_LARGEST), _SMALLEST, _LARGEST)) for a in found[3:]]
    return DescribedRollouts(of_frames, jnp.concatenate([*found[:3], *logarithms], -1))


def _of_positions(problem: Problem, parameters) -> Float[Array, "batch feature"]:
    x = jnp.clip(positions(problem, parameters), -_FARTHEST, 1 + _FARTHEST)
    return jnp.concatenate([x, x**2], -1)


def _of_first(problem: Problem, last) -> Float[Array, "batch feature"]:
    of_frame = features(problem, last)
    return jnp.concatenate([of_frame, jnp.abs(of_frame[:, : len(problem.channels)])], -1)


def _of_rollout(problem: Problem, last, frames, size) -> Float[Array, "batch feature"]:
    """Return logarithms of growth, roughness of the last frame and largest roughness, and change in a step."""
    batch, steps = frames.shape[:2]
    flat = frames.reshape(batch * steps, *frames.shape[2:])
    channels = len(problem.channels)
    rough = features(problem, flat)[:, -channels:].reshape(batch, steps, channels)
    growth = jnp.log(frame_size(problem, frames[:, -1]) / size)
    before = jnp.concatenate([last[:, None], frames[:, :-1]], 1)
    change = jnp.sqrt((_rms(frames - before, size) ** 2).mean(1))
    change = jnp.log(jnp.clip(change, _SMALLEST, _LARGEST))
    return jnp.nan_to_num(jnp.concatenate([growth, rough[:, -1], rough.max(1), change], -1), nan=_LARGEST)


def _rms(difference, size) -> Float[Array, "batch steps channel"]:
    """Return the root mean square over space of differences of frames, over the size of the given frame."""
    return jnp.sqrt((difference**2).mean(tuple(range(2, difference.ndim - 1)))) / size[:, None]
