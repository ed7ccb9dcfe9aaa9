"""Symmetries of an equation, declared as data.

If u(x, t) solves an equation, so do its images under the equation's symmetries, some of them at other parameter
values. Every equation declares what it allows; `cape.datasets.augmentation` applies it to batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Isometry(NamedTuple):
    """The image v(x) = sign · u(Ax + shift) of a scalar u on a periodic square or cube.

    Attributes:
        exchange: A exchanges the first two axes.
        reverse: A reverses every axis.
        sign: ±1.
        shift: translation along every axis, in domain lengths.
    """

    exchange: bool = False
    reverse: bool = False
    sign: int = 1
    shift: float = 0.0


@dataclass(frozen=True)
class Symmetries:
    """The symmetries of an equation.

    `tiling`, `reflection`, `galilean` and `linear` need one periodic axis.

    Attributes:
        tiling: exponents of a scaling in space. v(x, t) = m^a u(m x, t) solves the equation if each parameter p is
            replaced by m^b p. The dict holds a under "u" and b under the parameter's name. None: not allowed.
        reflection: ±1 if v(x, t) = ±u(−x, t) solves the equation. None: not allowed.
        galilean: v(x, t) = u(x − c t, t) + c solves the equation.
        linear: v = α u + γ solves the equation for any numbers α and γ.
        isometries: the equation is isotropic: reflections and exchanges of axes are allowed, in any dimension. Names of
            the channels that are the components of its vector field, along the axes in order; () if all channels are
            scalars. None: not allowed.
        forced_isometries: the isometries of an equation whose force depends on the position. All axes must be alike.
        translation: for an equation whose force depends on the position, the shortest translation, in cells along
            each axis, in a direction along which the force is constant. None: there is none, or the equation has no
            such force. Translations are not needed then, as the solver is translation-equivariant already.
        time: exponents of a scaling in time. v(x, t) = n^a u(x, n t) solves the equation if each parameter p is
            replaced by n^b p. The dict holds a under "u" (all channels) and b under the parameter's name. None: not
            allowed.
    """

    tiling: dict[str, int] | None = None
    reflection: int | None = None
    galilean: bool = False
    linear: bool = False
    isometries: tuple[str, ...] | None = None
    forced_isometries: tuple[Isometry, ...] = ()
    translation: tuple[int, ...] | None = None
    time: dict[str, int] | None = None

    @property
    def one_dimensional(self) -> bool:
        """Whether a symmetry is declared that needs one periodic axis."""
        return self.tiling is not None or self.reflection is not None or self.galilean or self.linear
