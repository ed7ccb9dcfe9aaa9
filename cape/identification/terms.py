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
        odd: which channels are zero at the walls. They are mirrored with the opposite sign. Empty: none.
    """

    periodic: tuple[bool, ...]
    highest: tuple[float, ...]
    growth: float = 1.5
    odd: tuple[bool, ...] = ()

    @property
    def mirrored(self) -> tuple[bool, ...]:
        """Which axes are mirrored at their ends."""
        return tuple(not around for around in self.periodic)

    def signs(self, channels: int) -> tuple[float, ...]:
        """Return the sign of each channel in a mirror image."""
        return tuple(-1.0 if odd else 1.0 for odd in self.odd or (False,) * channels)


def axes_of(boundaries: Sequence[str], resolution: Sequence[int], odd: tuple[bool, ...] = ()) -> Axes:
    """Return the axes of a grid: two thirds of the wave numbers that it resolves are fitted, up to a bound."""
    most = _HIGHEST_MODE[len(boundaries)]
    return Axes(
        tuple(boundary == "periodic" for boundary in boundaries),
        tuple(min(n // 3, most) / WAVE_NUMBER_UNIT for n in resolution),
        odd=odd,
    )


def linear_terms(channels: int, periodic: Sequence[bool], odd: Sequence[bool] = ()) -> tuple[Term, ...]:
    """Return all linear terms up to third order, and those of fourth order that are even along every axis.

    Terms that do not keep the symmetry of their channel at an axis that is not periodic are left out.
    """
    powers = [p for p in itertools.product(range(_HIGHEST_ORDER + 1), repeat=len(periodic)) if _allowed(p)]
    every = (
        Term(output, (Factor(channel, p),))
        for output in range(channels)
        for channel in range(channels)
        for p in powers
    )
    return tuple(term for term in every if _symmetric_at_walls(term, periodic, odd))


def product_terms(channels: int, periodic: Sequence[bool], odd: Sequence[bool] = ()) -> tuple[Term, ...]:
    """Return the non-linear terms: u v, u v w, u ∂v, ∂u ∂v, and in 2D transport by the stream function."""
    every = (
        Term(output, factors) for output in range(channels) for factors in _products(channels, len(periodic))
    )
    return tuple(term for term in every if _symmetric_at_walls(term, periodic, odd))


def library(channels: int, periodic: Sequence[bool], odd: Sequence[bool] = ()) -> list[Term]:
    """Return the terms that an equation may have, apart from forces: the linear ones and the products."""
    return [*linear_terms(channels, periodic, odd), *product_terms(channels, periodic, odd)]


def force_terms(channels: int, periodic: Sequence[bool], odd: Sequence[bool] = ()) -> tuple[Term, ...]:
    """Return constant forces and those of low wave numbers, in the equation of every channel that is even at walls."""
    highest = _HIGHEST_FORCE[len(periodic)]
    ranges = [range(-highest, highest + 1) if around else range(highest + 1) for around in periodic]
    none = (0,) * len(periodic)
    waves = [k for k in itertools.product(*ranges) if k >= none]  # −k is the same force as k
    return tuple(
        Term(output, (), wave, sine)
        for output in range(channels)
        if not any(odd) or not odd[output]
        for wave in waves
        for sine in (False, True)
        if not sine or (wave != none and all(periodic))
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


def _symmetric_at_walls(term: Term, periodic: Sequence[bool], odd: Sequence[bool]) -> bool:
    """Return whether a term is even at every wall, or odd if its channel is."""
    flips = sum(bool(odd[factor.channel]) for factor in term.factors) - bool(odd[term.output]) if odd else 0
    return all(
        around or (flips + sum(factor.powers[axis] for factor in term.factors)) % 2 == 0
        for axis, around in enumerate(periodic)
    )
