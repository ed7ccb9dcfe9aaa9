"""Groups of terms that an isotropic equation has with one common coefficient."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cape.identification.terms import Factor, Term


class SymmetricTerms(NamedTuple):
    """Terms in groups that reflections and exchanges of axes map to themselves.

    Attributes:
        terms: all terms of all groups.
        signs: 1, -1 or 0 for each group and term. A coefficient of each group, times this, gives those of the terms.
    """

    terms: tuple[Term, ...]
    signs: Float[np.ndarray, "group term"]


def symmetric_terms(representatives: Sequence[Term], vector: Sequence[int]) -> SymmetricTerms:
    """Return the groups to which some terms belong.

    Terms that an isotropic equation cannot have are left out: those that an isometry maps to their negative, forces
    that depend on the position, and terms with stream functions, which need a pseudoscalar.

    Args:
        representatives: one term or several of each group.
        vector: the channel of the component along each axis of the vector field; empty: there is none. All other
            channels are scalars.
    """
    groups: list[dict[Term, int]] = []
    for term in representatives:
        group = _group(term, tuple(vector))
        if group and group not in groups:
            groups.append(group)
    terms = tuple(dict.fromkeys(term for group in groups for term in group))
    signs = np.zeros((len(groups), len(terms)))
    for number, group in enumerate(groups):
        for term, sign in group.items():
            signs[number, terms.index(term)] = sign
    return SymmetricTerms(terms, signs)


def _group(term: Term, vector: tuple[int, ...]) -> dict[Term, int]:
    """Return all images of a term with their signs, the term's own first; empty if they contradict each other."""
    if not term.factors:
        return {} if any(term.wave) else {term: 1}
    if any(factor.stream for factor in term.factors):
        return {}
    images: dict[Term, int] = {}
    dimension = len(term.factors[0].powers)
    for order, signs in _isometries(dimension):
        image, sign = _image(term, order, signs, vector)
        if images.setdefault(image, sign) != sign:
            return {}
    first = images[_image(term, tuple(range(dimension)), (1,) * dimension, vector)[0]]
    return {image: sign * first for image, sign in images.items()}


def _isometries(dimension: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    yield from itertools.product(
        itertools.permutations(range(dimension)), itertools.product((1, -1), repeat=dimension)
    )


def _image(
    term: Term, order: tuple[int, ...], signs: tuple[int, ...], vector: tuple[int, ...]
) -> tuple[Term, int]:
    """Return the image of a term if axis a becomes axis order[a], with the sign signs[a], and the sign of the image."""
    sign = 1

    def channel(number: int) -> int:
        nonlocal sign
        if number not in vector:
            return number
        axis = vector.index(number)
        sign *= signs[axis]
        return vector[order[axis]]

    factors = []
    for factor in term.factors:
        powers = [0] * len(order)
        for axis, power in enumerate(factor.powers):
            powers[order[axis]] = power
            sign *= signs[axis] ** power
        factors.append(Factor(channel(factor.channel), tuple(powers)))
    factors.sort(key=lambda factor: (sum(factor.powers), factor.powers, factor.channel))
    return Term(channel(term.output), tuple(factors), explicit=term.explicit), sign
