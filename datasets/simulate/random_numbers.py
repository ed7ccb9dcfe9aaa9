"""Random numbers of which every sample has its own stream: sample i depends on the seed and on i alone."""

import zlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float


def uniform_numbers(
    seed: int, purpose: str, samples: int, numbers: int
) -> Float[np.ndarray, "sample number"]:
    """Draw numbers in [0, 1); row i is a function of (seed, purpose, i).

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    return np.stack([generator.random(numbers) for generator in _generators(seed, purpose, samples)])


def normal_numbers(seed: int, purpose: str, samples: int, numbers: int) -> Float[np.ndarray, "sample number"]:
    """Draw standard normal numbers; row i is a function of (seed, purpose, i).

    Raises:
        ValueError: fewer than one sample is asked for.
    """
    return np.stack([generator.standard_normal(numbers) for generator in _generators(seed, purpose, samples)])


def _generators(seed: int, purpose: str, samples: int) -> Iterator[np.random.Generator]:
    if samples < 1:
        raise ValueError(f"expected at least one sample, got samples={samples}")
    stream = zlib.crc32(purpose.encode())
    return (np.random.default_rng((seed, stream, i)) for i in range(samples))
