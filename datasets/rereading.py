"""Read samples again after an error, as file systems of clusters fail for seconds."""

from __future__ import annotations

import time
import warnings

import numpy as np
from jaxtyping import Float, Int

from cape.datasets.not_finite import NotFinite
from cape.datasets.trajectories import Trajectories

WAITS = (1.0, 5.0)  # seconds before each further attempt


def read_again_after_errors(
    trajectories: Trajectories, samples: Int[np.ndarray, " sample"]
) -> Float[np.ndarray, "sample time *space channel"]:
    """Read samples; after an error wait a moment and read them again, twice at most.

    Warns:
        UserWarning: an attempt has failed; the message says why.

    Raises:
        NotFinite: a sample holds NaN or infinity. They are not read again.
        OSError, ValueError: all attempts have failed; the message names the file and the sample in it.
    """
    for attempt, seconds in enumerate(WAITS, 1):
        try:
            return trajectories.read(samples)
        except NotFinite:
            raise
        except (OSError, ValueError) as error:
            again = f"reading again in {seconds:g} s ({attempt} of {len(WAITS)})"
            warnings.warn(f"{error}; {again}", stacklevel=2)
            time.sleep(seconds)
    return _read_one_by_one(trajectories, samples)


def _read_one_by_one(
    trajectories: Trajectories, samples: Int[np.ndarray, " sample"]
) -> Float[np.ndarray, "sample time *space channel"]:
    """Read samples one by one, so that an error can name the one that cannot be read."""
    read = []
    for sample in samples:
        try:
            read.append(trajectories.read([sample]))
        except NotFinite:
            raise
        except (OSError, ValueError) as error:
            ((name, (position,)),) = trajectories.select([sample]).fields.positions.items()
            kind = OSError if isinstance(error, OSError) else ValueError
            where = "" if name in str(error) else f"{name}: "
            raise kind(
                f"{where}{error} (sample {position} of the file, after {len(WAITS) + 1} attempts)"
            ) from error
    return np.concatenate(read)
