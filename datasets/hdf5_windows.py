"""Read a part of an HDF5 dataset without holding much more of it in memory."""

from itertools import groupby

import h5py
import numpy as np

SKIP_BYTES = 2**16  # unwanted frames of this size or more are skipped
PIECE_BYTES = 2**20  # frames of this size or more, of which not all points are wanted, are read one by one


def read_window(field: h5py.Dataset, rows: tuple[slice, ...], window: tuple[slice, ...]) -> np.ndarray:
    """Read `field[*rows, *window]`. The first slice of `window` is the slice of time.

    Strides are left to numpy, as strided selections of HDF5 are many times slower (twenty times with chunks). If frames
    are large, and not all frames or points are wanted, one frame (or chunk of frames) is read at a time.
    """
    (time, *space), axis = window, len(rows)
    frames = range(field.shape[axis])[time]
    chunk = field.chunks[axis] if field.chunks else 1
    frame_bytes = field.dtype.itemsize * int(np.prod(field.shape[axis + 1 :]))
    least = SKIP_BYTES if frames.step > 1 else PIECE_BYTES
    at_once = all(s.step in (None, 1) for s in window) or chunk * frame_bytes < least
    piece = frames.stop if at_once else chunk
    whole_rows = (slice(None),) * axis
    pieces = []
    for _, group in groupby(frames, key=lambda frame: frame // piece):
        wanted = list(group)
        read = field[(*rows, slice(wanted[0], wanted[-1] + 1))]
        read = read[(*whole_rows, slice(None, None, frames.step), *space)]
        pieces.append(
            read if at_once else np.ascontiguousarray(read)
        )  # a view would keep all points in memory
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis)
