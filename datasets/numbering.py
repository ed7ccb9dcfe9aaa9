"""Numbers of initial conditions for files that do not hold them."""

import hashlib

import numpy as np
from jaxtyping import Int

MOST_SAMPLES = 2**22  # of one file; with 31 bits in front, the numbers stay exact as float64 and in JSON


def number_initial_conditions(series: str, samples: int) -> Int[np.ndarray, " sample"]:
    """Number the initial conditions of a file.

    Files of one series get the same numbers; files of different series have no number in common. A number depends on
    the series and the position of the sample only, so that it is the same on every machine and for every selection of
    files.

    Raises:
        ValueError: there are more than 4 million samples.
    """
    if samples > MOST_SAMPLES:
        raise ValueError(f"{series}: {samples} samples, expected at most {MOST_SAMPLES} in one file")
    digest = hashlib.blake2b(series.encode(), digest_size=4).digest()
    return (int.from_bytes(digest, "big") >> 1) * MOST_SAMPLES + np.arange(samples, dtype=np.int64)
