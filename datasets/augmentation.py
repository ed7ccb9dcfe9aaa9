"""Augmentation of batches: exact images of trajectories under the symmetries of their equation.

Some images are solutions at other parameter values, which were never simulated. Values are moved between grid points,
never interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.isometries import apply_to_half, one_in_two, random_isometry, random_translation
from cape.datasets.symmetries import Symmetries
from cape.registry import nearest

Frames = Float[Array, "batch time *space channel"]
FewerFrames = Float[Array, "batch fewer *space channel"]
Parameters = Float[Array, "batch parameter"]


@dataclass(frozen=True)
class Augmentation:
    """Which symmetries of the equation a training uses, and how strongly; the default uses none.

    Attributes:
        tilings: numbers m of copies of the domain side by side; one is drawn per sample. 1 changes nothing.
        strides: numbers n; one is drawn per batch, and its trajectories are shown n times as fast, by every n-th frame.
            They are solutions at larger parameters if the equation allows a scaling in time. 1 changes nothing.
        reflect: reflect half of the samples, if the equation allows it.
        largest_boost: largest speed |c| of a Galilean boost, in units of the data, if the equation allows it. Speeds
            are such that a frame moves by whole points.
        largest_scaling: for a linear equation, α is drawn from ±[1/largest, largest] and γ from ±(largest − 1);
            1 changes nothing.
        isometries: apply a random isometry to every sample: any one if the equation is isotropic, or one of those that
            its force allows.
        translate: translate every sample by a random distance, in the direction along which the force is constant.
    """

    tilings: tuple[int, ...] = (1,)
    strides: tuple[int, ...] = (1,)
    reflect: bool = False
    largest_boost: float = 0.0
    largest_scaling: float = 1.0
    isometries: bool = False
    translate: bool = False

    def __post_init__(self):
        for name in ("tilings", "strides"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise ValueError(
                    f"augmentation.{name}: expected numbers of at least 1, got {getattr(self, name)}"
                )
        if self.largest_boost < 0 or self.largest_scaling < 1:
            raise ValueError(
                "augmentation: expected largest_boost >= 0 and largest_scaling >= 1, got "
                f"{self.largest_boost} and {self.largest_scaling}"
            )

    @property
    def active(self) -> bool:
        """Whether anything differs from the default."""
        return self != Augmentation()


def symmetries_of(equation: str, boundaries: tuple[str, ...]) -> Symmetries:
    """Return the symmetries of a registered equation.

    Raises:
        ValueError: none are declared, or they need one periodic axis and the domain is another.
    """
    declared = {name: e.symmetries for name, e in EQUATIONS.parts.items() if e.symmetries is not None}
    if equation not in declared:
        raise ValueError(
            f"augmentation: the equation {equation!r} declares no symmetries; leave out training.augmentation, or name "
            f"an equation that does; {nearest(equation, declared)}"
        )
    symmetries = declared[equation]
    if symmetries.one_dimensional and boundaries != ("periodic",):
        raise ValueError(f"augmentation: expected one periodic axis, got boundaries {boundaries}")
    return symmetries


def augment(
    symmetries: Symmetries,
    augmentation: Augmentation,
    frames: Frames,
    p: Parameters,
    key: PRNGKeyArray,
    *,
    parameter_names: tuple[str, ...],
    channel_names: tuple[str, ...] = ("u",),
    speed: float,
    exchange: bool = False,
    stride: int = 1,
) -> tuple[FewerFrames, Parameters]:
    """Replace every trajectory of a batch by a random image under the symmetries of its equation.

    Args:
        symmetries: what the equation allows.
        augmentation: what of it is used.
        p: parameters in the order of `parameter_names`.
        key: the random key of this batch.
        speed: dx / dt, the spacing of points along the first axis over the interval between frames; the unit of boosts.
        exchange: whether all axes are alike in points and length, so that they may be exchanged.
        stride: the number drawn for this batch from `augmentation.strides`.

    Returns:
        Frames and parameters of the images. Their shapes are those of the arguments, but only every `stride`-th frame
        is left.

    Raises:
        ValueError: a translation is asked for that is not declared, or axes are not alike.
    """
    if symmetries.time is not None and stride > 1:
        frames, p = _scale_time(symmetries.time, frames, p, stride, parameter_names)
    if symmetries.isometries is not None and augmentation.isometries:
        vector = tuple(channel_names.index(name) for name in symmetries.isometries) or None
        frames = random_isometry(frames, jax.random.fold_in(key, 1), vector=vector, exchange=exchange)
    if symmetries.forced_isometries and augmentation.isometries:
        _check_alike("isometries", exchange)
        for number, isometry in enumerate(symmetries.forced_isometries):
            frames = apply_to_half(isometry, frames, jax.random.fold_in(key, 3 + number))
    if augmentation.translate:
        frames = _translate(symmetries, frames, jax.random.fold_in(key, 2), exchange)
    if symmetries.one_dimensional:
        frames, p = _augment_interval(symmetries, augmentation, frames, p, key, parameter_names, speed)
    return frames, p


def _scale_time(
    exponents: dict[str, int], frames: Frames, p: Parameters, stride: int, names: tuple[str, ...]
) -> tuple[FewerFrames, Parameters]:
    """Show trajectories `stride` times as fast."""
    factors = jnp.asarray([float(stride) ** exponents[name] for name in names], p.dtype)
    return float(stride) ** exponents["u"] * frames[:, ::stride], p * factors[None]


def _translate(symmetries: Symmetries, frames: Frames, key: PRNGKeyArray, exchange: bool) -> Frames:
    if symmetries.translation is None:
        raise ValueError(
            "augmentation.translate: the equation declares no translation; expected an equation whose force depends on "
            "the position (for others, translations teach nothing). Set it to false"
        )
    _check_alike("translate", exchange)
    return random_translation(frames, key, step=symmetries.translation)


def _check_alike(name: str, exchange: bool) -> None:
    if not exchange:
        raise ValueError(f"augmentation.{name}: expected axes of the same length and number of points")


def _augment_interval(
    symmetries: Symmetries,
    augmentation: Augmentation,
    frames: Frames,
    p: Parameters,
    key: PRNGKeyArray,
    parameter_names: tuple[str, ...],
    speed: float,
) -> tuple[Frames, Parameters]:
    """Apply the symmetries of one periodic axis: v(x, t) = factor · u(± m (x − c t), t) + offset."""
    batch = frames.shape[0]
    keys = jax.random.split(key, 6)
    ones = jnp.ones((batch,), jnp.int32)
    copies, orientation, boost = ones, ones, 0 * ones
    factor, offset = jnp.ones((batch,), frames.dtype), jnp.zeros((batch,), frames.dtype)
    if symmetries.tiling is not None:
        drawn = jax.random.randint(keys[0], (batch,), 0, len(augmentation.tilings), jnp.int32)
        copies = jnp.asarray(augmentation.tilings, jnp.int32)[drawn]
        factor, p = _scale_space(symmetries.tiling, factor, p, copies.astype(frames.dtype), parameter_names)
    if symmetries.reflection is not None and augmentation.reflect:
        orientation = _signs(keys[1], batch, jnp.int32)
        factor = jnp.where(orientation < 0, factor * symmetries.reflection, factor)
    if symmetries.galilean:
        largest = int(augmentation.largest_boost / speed)
        boost = jax.random.randint(keys[2], (batch,), -largest, largest + 1, jnp.int32)
        offset = speed * boost.astype(frames.dtype)
    if symmetries.linear and augmentation.largest_scaling > 1:
        size, sign, shift = _random_affine(augmentation.largest_scaling, keys[3:], batch, frames.dtype)
        factor, offset = factor * size * sign, offset + shift
    images = _moved(frames, orientation * copies, boost)
    return factor.reshape(-1, 1, 1, 1) * images + offset.reshape(-1, 1, 1, 1), p


def _scale_space(
    exponents: dict[str, int],
    factor: Float[Array, " batch"],
    p: Parameters,
    copies: Float[Array, " batch"],
    names: tuple[str, ...],
) -> tuple[Float[Array, " batch"], Parameters]:
    """Return the factor of u and the parameters for this number of copies of the domain."""
    return factor * copies ** exponents["u"], p * jnp.stack([copies ** exponents[name] for name in names], -1)


def _random_affine(largest: float, keys: Key[Array, 3], batch: int, dtype):
    """Draw |α| in [1/largest, largest], the sign of α, and γ in ±(largest − 1), for v = α u + γ."""
    most = jnp.log(jnp.asarray(largest, dtype))
    size = jnp.exp(jax.random.uniform(keys[0], (batch,), dtype, minval=-most, maxval=most))
    sign = _signs(keys[1], batch, dtype)
    return size, sign, (largest - 1.0) * jax.random.uniform(keys[2], (batch,), dtype, minval=-1.0)


def _signs(key: PRNGKeyArray, batch: int, dtype) -> Array:
    return 2 * one_in_two(key, batch).astype(dtype) - 1


def _moved(frames: Frames, multiple: Int[Array, " batch"], boost: Int[Array, " batch"]) -> Frames:
    """Return u(multiple · (x − boost · t), t), with x in points and t in frames."""
    _, time, points, _ = frames.shape
    x = jnp.arange(points, dtype=jnp.int32)[None, None, :]
    carried = x - boost[:, None, None] * jnp.arange(time, dtype=jnp.int32)[None, :, None]
    source = multiple[:, None, None] * carried % points
    return jnp.take_along_axis(frames, source[..., None], axis=2)
