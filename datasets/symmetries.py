"""Symmetries of the equations: new exact trajectories from old ones, also at parameter values nobody simulated.

If u(x, t) solves an equation, so do its images under the equation's symmetries, some of them at other values of
the parameters. What an equation allows is declared here as data; `augment` applies it to a batch. All images are
exact on the grid: points are moved, never interpolated.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from cape.datasets.isometries import Move, moved, translate, turn


@dataclass(frozen=True)
class Symmetries:
    """What an equation allows; all but isometries, translations and rescaled time in one space dimension, periodic.

    Attributes:
        tiling: exponents of scaling in space. v(x, t) = m^a u(m x, t) solves the equation with each parameter p
            replaced by m^b p; holds a under "u" and b under the parameter's name. None: not allowed.
        time: exponents of scaling in time. v(x, t) = n^a u(x, n t) solves the equation with each parameter p replaced
            by n^b p; a under "u" (all channels) and b under the parameter's name. None: not allowed.
        reflection: ±1 where v(x, t) = ±u(−x, t) solves it; None where neither does.
        galilean: v(x, t) = u(x − c t, t) + c solves it.
        linear: v = α u + γ solves it for any numbers α and γ.
        isometries: the equation has no preferred direction, in any dimension: names of the components of its
            vector field, along the axes in order, or () where all fields are scalars. None: not allowed.
        moves: isometries of the equation with a force that depends on the place, where axes are alike.
        translation: cells along each axis of the shortest way along which nothing depends on the place, where a force
            does otherwise. None: in no direction, or in all (a solver that is not shown places knows).
    """

    tiling: dict[str, int] | None = None
    reflection: int | None = None
    galilean: bool = False
    linear: bool = False
    isometries: tuple[str, ...] | None = None
    moves: tuple[Move, ...] = ()
    translation: tuple[int, ...] | None = None
    time: dict[str, int] | None = None

    @property
    def one_dimensional(self) -> bool:
        """Whether it allows what is done along one periodic axis only."""
        return self.tiling is not None or self.reflection is not None or self.galilean or self.linear


# a force that depends on sin 2π(x + y) + cos 2π(x + y): along (1, −1) it is the same everywhere; it changes its sign
# half a period on, as a vorticity does in a mirror; and it is even around x = y = 1/16
_FORCED = Symmetries(
    translation=(1, -1),
    moves=(Move(exchange=True, sign=-1, shift=1 / 4), Move(reverse=True, shift=1 / 8)),
)
SYMMETRIES = {
    "advection": Symmetries(tiling={"u": 0, "beta": -1}, time={"u": 0, "beta": 1}, linear=True),
    "burgers": Symmetries(tiling={"u": -1, "Nu": -2}, time={"u": 1, "Nu": 1}, reflection=-1, galilean=True),
    "reaction-diffusion": Symmetries(
        tiling={"u": 0, "Nu": -2, "rho": 0}, time={"u": 0, "Nu": 1, "rho": 1}, reflection=1
    ),
    "compressible1d": Symmetries(isometries=("Vx",)),
    "compressible2d": Symmetries(isometries=("Vx", "Vy")),
    "compressible3d": Symmetries(isometries=("Vx", "Vy", "Vz")),
    "gray-scott": Symmetries(isometries=()),
    "gray-scott-small": Symmetries(isometries=()),
    "fitzhugh-nagumo": Symmetries(isometries=()),
    "navier-stokes": _FORCED,
    "navier-stokes-eddies": _FORCED,
}


@dataclass(frozen=True)
class Augmentation:
    """How much of an equation's symmetries a training uses; the default uses none.

    Attributes:
        tilings: numbers m of copies of the domain side by side, one drawn per sample; 1 leaves it as it is.
        strides: numbers n, one drawn per batch, whose trajectories are shown n times as fast: every n-th frame; 1
            leaves them as they are. Solutions at larger parameters, where the equation allows it.
        reflect: reflect half of the samples, where the equation allows it.
        largest_boost: largest speed |c| of a Galilean boost, in units of the data; speeds are such that a frame
            moves by whole points. Used where the equation allows it.
        largest_scaling: for a linear equation, α is drawn from ±[1/largest, largest] and γ from ±(largest − 1);
            1 leaves it as it is.
        isometries: reflect and turn every sample at random: in all ways where the equation has no preferred direction,
            or in those that its force allows.
        translate: move every sample by a random way along which the equation does not depend on the place.
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
        return self != Augmentation()


def symmetries_of(equation: str, boundaries: tuple[str, ...]) -> Symmetries:
    """Look up an equation's symmetries.

    Raises:
        ValueError: none are declared for it, or they need a periodic interval and the domain is none.
    """
    if equation not in SYMMETRIES:
        near = difflib.get_close_matches(equation, SYMMETRIES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {sorted(SYMMETRIES)}"
        raise ValueError(f"augmentation: no symmetries are declared for the equation {equation!r}; {hint}")
    if SYMMETRIES[equation].one_dimensional and boundaries != ("periodic",):
        raise ValueError(f"augmentation: expected one periodic axis, got boundaries {boundaries}")
    return SYMMETRIES[equation]


def augment(
    symmetries: Symmetries,
    augmentation: Augmentation,
    frames: Float[Array, "batch time *space channel"],
    p: Float[Array, "batch parameter"],
    key: PRNGKeyArray,
    *,
    parameter_names: tuple[str, ...],
    channel_names: tuple[str, ...] = ("u",),
    speed: float,
    exchange: bool = False,
    stride: int = 1,
) -> tuple[Float[Array, "batch time *space channel"], Float[Array, "batch parameter"]]:
    """Replace every trajectory of a batch by a random image under the equation's symmetries.

    Args:
        p: parameters in the order of `parameter_names`.
        speed: dx / dt between neighbouring points and frames along the first axis, the unit of a boost.
        exchange: whether all axes are alike in points and length, so that they may be exchanged.
        stride: the one drawn for this batch.

    Returns:
        Frames and parameters of the images, of the same shapes; of a stride, every so many-th frame.

    Raises:
        ValueError: a translation that is not declared, or along axes that are not alike.
    """
    if symmetries.time is not None and stride > 1:
        frames = float(stride) ** symmetries.time["u"] * frames[:, ::stride]
        p = (
            p
            * jnp.asarray([float(stride) ** symmetries.time[name] for name in parameter_names], p.dtype)[None]
        )
    if symmetries.isometries is not None and augmentation.isometries:
        vector = tuple(channel_names.index(name) for name in symmetries.isometries) or None
        frames = turn(frames, jax.random.fold_in(key, 1), vector=vector, exchange=exchange)
    if symmetries.moves and augmentation.isometries:
        _check_alike("isometries", exchange)
        for number, move in enumerate(symmetries.moves):
            frames = moved(frames, jax.random.fold_in(key, 3 + number), move)
    if augmentation.translate:
        if symmetries.translation is None:
            raise ValueError(
                "augmentation.translate: the equation declares no translation, which a force that depends on the place "
                "may have; where all places are alike the solver knows"
            )
        _check_alike("translate", exchange)
        frames = translate(frames, jax.random.fold_in(key, 2), way=symmetries.translation)
    if not symmetries.one_dimensional:
        return frames, p
    batch, time, points, _ = frames.shape
    keys = jax.random.split(key, 6)
    ones = jnp.ones((batch,), jnp.int32)
    copies, turned, boost, factor, offset = ones, ones, 0 * ones, jnp.ones((batch,)), jnp.zeros((batch,))
    if symmetries.tiling is not None:
        copies = jax.random.choice(keys[0], jnp.asarray(augmentation.tilings, jnp.int32), (batch,))
        wide = copies.astype(frames.dtype)
        factor = factor * wide ** symmetries.tiling["u"]
        p = p * jnp.stack([wide ** symmetries.tiling[name] for name in parameter_names], -1)
    if symmetries.reflection is not None and augmentation.reflect:
        turned = jax.random.rademacher(keys[1], (batch,), jnp.int32)
        factor = jnp.where(turned < 0, factor * symmetries.reflection, factor)
    if symmetries.galilean:
        largest = int(augmentation.largest_boost / speed)
        boost = jax.random.randint(keys[2], (batch,), -largest, largest + 1, jnp.int32)
        offset = speed * boost.astype(frames.dtype)
    if symmetries.linear and augmentation.largest_scaling > 1:
        largest = augmentation.largest_scaling
        size = jnp.exp(
            jax.random.uniform(keys[3], (batch,), minval=-jnp.log(largest), maxval=jnp.log(largest))
        )
        factor = factor * size * jax.random.rademacher(keys[4], (batch,), frames.dtype)
        offset = offset + (largest - 1.0) * jax.random.uniform(keys[5], (batch,), minval=-1.0)

    x = jnp.arange(points, dtype=jnp.int32)[None, None, :]
    carried = x - boost[:, None, None] * jnp.arange(time, dtype=jnp.int32)[None, :, None]
    source = (turned * copies)[:, None, None] * carried % points
    images = jnp.take_along_axis(frames, source[..., None], axis=2)
    return factor.reshape(-1, 1, 1, 1) * images + offset.reshape(-1, 1, 1, 1), p


def _check_alike(name: str, exchange: bool) -> None:
    if not exchange:
        raise ValueError(f"augmentation.{name}: expected axes of the same length and number of points")
