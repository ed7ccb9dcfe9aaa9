"""Numbers of initial conditions for files that do not say which of their samples start alike."""

import hashlib

import numpy as np
from jaxtyping import Int

_SAMPLES = 2**22  # of one file; with 31 bits before them the numbers stay exact as float64 and in JSON


def numbered_from(key: str, samples: int) -> Int[np.ndarray, " sample"]:
    """Number the initial conditions of a file: the same for equal keys, none in common for others.

    A number depends on the key and the sample's position only, so it is the same whichever files are opened
    together, and on every machine.

    Raises:
        ValueError: for more than 4 million samples.
    """
    if samples > _SAMPLES:
        raise ValueError(f"{key}: {samples} samples, expected at most {_SAMPLES} in one file")
    digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
    return (int.from_bytes(digest, "big") >> 1) * _SAMPLES + np.arange(samples, dtype=np.int64)
