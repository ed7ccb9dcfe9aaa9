"""The terms that an identified equation may have: products of derivatives of the channels."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

_HIGHEST_ORDER = 4
_HIGHEST_MODE = {1: 64, 2: 10, 3: 5}
_HIGHEST_FORCE = {1: 8, 2: 4, 3: 0}  # wave number along an axis
WAVE_NUMBER_UNIT = (
    8.0  # derivatives are with respect to 2π WAVE_NUMBER_UNIT x / length, so they multiply by i k / unit
)


@dataclasses.dataclass(frozen=True)
class Factor:
    """A derivative of a channel.

    Attributes:
        channel: number of the channel.
        powers: order of the derivative along each axis.
        stream: of the stream function ψ with Δψ = u in place of the channel u.
    """

    channel: int
    powers: tuple[int, ...]
    stream: bool = False


@dataclasses.dataclass(frozen=True)
class Term:
    """A term in the equation of a channel: a product of factors, or a constant force.

    With one factor, the term is linear, and integrated exactly unless it is explicit. A force has no factors: it is
    cos(2π k·x/length), or sin for an odd one.

    Attributes:
        output: the channel whose rate of change has this term.
        factors: what is multiplied.
        wave: wave numbers k of a force, of the mirrored domain along axes that are not periodic.
        odd: the force is a sine.
        explicit: a term with one factor is integrated with the products.
    """

    output: int
    factors: tuple[Factor, ...] = ()
    wave: tuple[int, ...] = ()
    odd: bool = False
    explicit: bool = False

    @property
    def linear(self) -> bool:
        return len(self.factors) == 1 and not self.explicit


@dataclasses.dataclass(frozen=True)
class Axes:
    """The axes that an equation is identified on.

    Attributes:
        periodic: which axes are periodic. The others are mirrored at their ends.
        highest: largest wave number of the fit along each axis, over `WAVE_NUMBER_UNIT`. Larger ones never grow.
        growth: largest growth of a mode in a time step, as a logarithm.
    """

    periodic: tuple[bool, ...]
    highest: tuple[float, ...]
    growth: float = 1.5


def axes_of(boundaries: Sequence[str], resolution: Sequence[int]) -> Axes:
    """Return the axes of a grid: two thirds of the wave numbers that it resolves are fitted, up to a bound."""
    most = _HIGHEST_MODE[len(boundaries)]
    return Axes(
        tuple(boundary == "periodic" for boundary in boundaries),
        tuple(min(n // 3, most) / WAVE_NUMBER_UNIT for n in resolution),
    )


def linear_terms(channels: int, periodic: Sequence[bool]) -> tuple[Term, ...]:
    """Return all linear terms up to third order, and those of fourth order that are even along every axis.

    Terms that are odd along an axis that is not periodic are left out: they do not keep a field even there.
    """
    powers = [p for p in itertools.product(range(_HIGHEST_ORDER + 1), repeat=len(periodic)) if _allowed(p)]
    return tuple(
        Term(output, (Factor(channel, p),))
        for output in range(channels)
        for channel in range(channels)
        for p in powers
        if _even_at_walls([p], periodic)
    )


def product_terms(channels: int, periodic: Sequence[bool]) -> tuple[Term, ...]:
    """Return the non-linear terms: u v, u v w, u ∂v, ∂u ∂v, and in 2D transport by the stream function."""
    return tuple(
        Term(output, factors)
        for output in range(channels)
        for factors in _products(channels, len(periodic))
        if _even_at_walls([f.powers for f in factors], periodic)
    )


def library(channels: int, periodic: Sequence[bool]) -> list[Term]:
    """Return the terms that an equation may have, apart from forces: the linear ones and the products."""
    return [*linear_terms(channels, periodic), *product_terms(channels, periodic)]


def force_terms(channels: int, periodic: Sequence[bool]) -> tuple[Term, ...]:
    """Return constant forces and those of low wave numbers, in the equation of every channel."""
    highest = _HIGHEST_FORCE[len(periodic)]
    ranges = [range(-highest, highest + 1) if around else range(highest + 1) for around in periodic]
    none = (0,) * len(periodic)
    waves = [k for k in itertools.product(*ranges) if k >= none]  # −k is the same force as k
    return tuple(
        Term(output, (), wave, odd)
        for output in range(channels)
        for wave in waves
        for odd in (False, True)
        if not odd or (wave != none and all(periodic))
    )


def _products(channels: int, dimension: int) -> Iterator[tuple[Factor, ...]]:
    none = (0,) * dimension
    axes = [tuple(int(a == axis) for a in range(dimension)) for axis in range(dimension)]
    for count in (2, 3):
        for chosen in itertools.combinations_with_replacement(range(channels), count):
            yield tuple(Factor(channel, none) for channel in chosen)
    for i, j, axis in itertools.product(range(channels), range(channels), axes):
        yield Factor(i, none), Factor(j, axis)
    for (i, j), axis in itertools.product(itertools.combinations_with_replacement(range(channels), 2), axes):
        yield Factor(i, axis), Factor(j, axis)
    if dimension == 2:
        for i, j in itertools.product(range(channels), range(channels)):
            for one, other in (axes, axes[::-1]):
                yield Factor(i, one, stream=True), Factor(j, other)


def _allowed(powers: tuple[int, ...]) -> bool:
    return sum(powers) < _HIGHEST_ORDER or (
        sum(powers) == _HIGHEST_ORDER and all(power % 2 == 0 for power in powers)
    )


def _even_at_walls(powers: Sequence[tuple[int, ...]], periodic: Sequence[bool]) -> bool:
    return all(around or sum(p[axis] for p in powers) % 2 == 0 for axis, around in enumerate(periodic))
