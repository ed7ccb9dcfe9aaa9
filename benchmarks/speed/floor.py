"""The least arithmetic and memory traffic that a case needs, counted from its layers and not from a program.

Contractions are counted: products, convolutions, and truncated Fourier transforms as products. A multiply-add is two
operations. Every contraction reads its input once and writes its output once, in float32. Elementwise work is not
counted. The gradient with respect to a layer's input costs as much as the layer, and so does that with respect to its
weights.
"""

from math import prod
from typing import NamedTuple

from speed.cases import Case

FLOAT = 4  # bytes


class Cost(NamedTuple):
    """Operations and bytes of one sample and one step: of the forward pass, and of it and both gradients."""

    forward: float = 0.0
    training: float = 0.0
    forward_bytes: float = 0.0
    training_bytes: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        return Cost(*(a + b for a, b in zip(self, other, strict=True)))


def layer(flops: float, values_in: float, values_out: float, *, constant: bool = False) -> Cost:
    """Return the cost of a contraction. A `constant` one has no gradient with respect to weights."""
    moved = FLOAT * (values_in + values_out)
    return Cost(flops, (2 if constant else 3) * flops, moved, (2 if constant else 3) * moved)


def pointwise(points: int, a: int, b: int) -> Cost:
    return layer(2 * points * a * b, points * a, points * b)


def convolution(points: int, kernel: int, a: int, b: int) -> Cost:
    return layer(2 * points * kernel * a * b, points * a, points * b)


def depthwise(points: int, kernel: int, a: int, multiplier: int) -> Cost:
    return layer(2 * points * kernel * a * multiplier, points * a, points * a * multiplier)


def spectral(space: tuple[int, ...], modes: int, a: int, b: int) -> Cost:
    """Return the cost of a truncated transform, a complex product (8 operations) and the transform back.

    The transform is computed axis by axis, beginning with the last axis.
    """
    total = Cost()
    for channels in (a, b):
        sizes, parts, real = list(space), 1, True
        for axis in reversed(range(len(space))):
            kept = min(modes, sizes[axis] // 2 + 1) if real else min(2 * modes, sizes[axis])
            before = parts * prod(sizes) * channels
            flops = 2 * before * 2 * kept
            sizes[axis], parts, real = kept, 2, False
            # Only the field itself is moved: between the axes, values stay in the fastest memory.
            total = total.plus(layer(flops, before if axis == len(space) - 1 else 0, 0, constant=True))
    return total.plus(layer(8 * prod(sizes) * a * b, 0, 0))


def fno(case: Case, inputs: int, outputs: int, width: int, form: str) -> Cost:
    paper = form == "paper"
    points = prod(case.resolution)
    space = tuple(n + 2 for n in case.resolution) if paper else case.resolution
    projection = 128 if paper else 64
    total = pointwise(points, inputs + (case.dimension if paper else 0), width)
    for _ in range(4):
        total = total.plus(spectral(space, 12, width, width)).plus(pointwise(prod(space), width, width))
    return total.plus(pointwise(points, width, projection)).plus(pointwise(points, projection, outputs))


def unet(case: Case, inputs: int, outputs: int, features: int, levels: int) -> Cost:
    d = case.dimension
    total = Cost()
    for level in range(levels + 1):
        points, width = prod(n >> level for n in case.resolution), features << level
        total = total.plus(convolution(points, 3**d, inputs if level == 0 else width // 2, width))
        total = total.plus(convolution(points, 3**d, width, width))
        if level < levels:  # the way up
            coarse = points >> d
            total = total.plus(layer(2 * points * 2 * width * width, coarse * 2 * width, points * width))
            total = total.plus(convolution(points, 3**d, 2 * width, width))
            total = total.plus(convolution(points, 3**d, width, width))
    return total.plus(pointwise(prod(case.resolution), features, outputs))


def cape_block(case: Case) -> Cost:
    points, d, c = prod(case.resolution), case.dimension, case.channels
    total = convolution(points, 5**d, c, 32).plus(depthwise(points, 5**d, 32, 2))
    total = total.plus(spectral(tuple(n // 4 for n in case.resolution), 16 if d == 1 else 9, 32, 64))
    total = total.plus(pointwise(points, 32, 64)).plus(pointwise(points, 32, 64))
    return total.plus(pointwise(points, 64, c))


def propagator(case: Case, heads: int) -> Cost:
    """Return the cost of real FFTs and back (5/2 N log2 N operations each), a multiplier and a pointwise map."""
    points, c = prod(case.resolution), case.channels
    transform = 2.5 * points * points.bit_length()
    total = layer(transform * c * (1 + heads), points * c, points * c * heads, constant=True)
    total = total.plus(layer(3 * points * c * heads, 0, 0))
    return total.plus(pointwise(points, heads * c, c))


def step_cost(case: Case, form: str) -> Cost:
    """Return the cost of one step of one sample, in the form "paper" or "default"."""
    c, wide = case.channels, case.channels * 2
    inputs, outputs = (wide, wide) if case.cape and form == "paper" else (c, c)
    if case.cape and form == "default":
        inputs = c * (1 + 8)
    width = case.size if form == "paper" else (20 if case.base == "fno" else 16)
    if case.base == "fno":
        total = fno(case, inputs, outputs, width, form)
    else:
        total = unet(case, inputs, outputs, width, 4 if form == "paper" else 3)
    if not case.cape:
        return total
    if form == "default":
        return total.plus(propagator(case, 8))
    return total.plus(cape_block(case)).plus(pointwise(prod(case.resolution), wide, c))


class Floor(NamedTuple):
    """The least time of the arithmetic and of the traffic at a machine's rates, in seconds."""

    arithmetic: float
    traffic: float


def floors(
    case: Case, form: str, gemm: float, bandwidth: float, second_forward: bool = True
) -> dict[str, Floor]:
    """Compute the floors of an update and of a rollout.

    An update runs every step forward and backward.

    Args:
        gemm: operations per second.
        bandwidth: bytes per second.
        second_forward: autoregressive predictions are computed beforehand, which runs these steps forward twice. A
            program that computes one step after the other, as in PyTorch, runs them once.
    """
    cost = step_cost(case, form)
    samples = case.batch * case.steps
    again = second_forward * case.batch * (case.autoregressive - 1)
    return {
        "train": Floor(
            (samples * cost.training + again * cost.forward) / gemm,
            (samples * cost.training_bytes + again * cost.forward_bytes) / bandwidth,
        ),
        "rollout": Floor(samples * cost.forward / gemm, samples * cost.forward_bytes / bandwidth),
    }
