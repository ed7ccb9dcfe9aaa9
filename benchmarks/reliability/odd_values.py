"""Values that no reader, configuration or header expects."""

from __future__ import annotations

import random
from typing import Any

import h5py
import numpy as np

NUMBERS = [
    0,
    -1,
    1,
    2,
    3,
    7,
    10**6,
    2**31,
    2**63,
    10**30,
    0.5,
    -0.0,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
]
TEXTS = [
    "",
    " ",
    "x",
    "periodic",
    "\x1b[31mred",
    "two\nlines",
    "a\0b",
    "../up",
    "/",
    ".",
    "ü",
    "🜁" * 3,
    "k(",
    "%s{0}",
]
LONG = "long" * 10_000
TYPES = ["f2", "f4", "f8", ">f8", "g", "i1", "i4", "u8", ">i2", "?", "c8", "S3", "V5"]


def plain(rng: random.Random) -> Any:
    """Return a value that JSON can hold."""
    choices = [
        rng.choice(NUMBERS),
        rng.choice(NUMBERS),
        rng.choice(TEXTS),
        LONG,
        None,
        True,
        False,
        [],
        {},
        [rng.choice(NUMBERS)] * rng.choice([1, 2, 3]),
        [[rng.choice(NUMBERS)]],
        {rng.choice(TEXTS): rng.choice(NUMBERS)},
        [rng.choice(TEXTS)] * rng.choice([1, 2]),
        _nested(rng.choice([5, 50, 120])),
    ]
    return rng.choice(choices)


def attribute(rng: random.Random) -> Any:
    """Return a value that an attribute of HDF5 can hold."""
    number, text = rng.choice(NUMBERS), rng.choice(TEXTS)
    compound = np.array([(1, 2.0)], np.dtype([("a", "i4"), ("b", "f8")]))
    ragged = np.empty(2, h5py.vlen_dtype(np.int32))
    ragged[0], ragged[1] = np.array([1, 2], "i4"), np.array([3], "i4")
    choices = [
        float(number),
        rng.choice([0, 1, -1, 2**40]),
        text,
        text.encode("utf-8"),
        np.bytes_(b"\xff\xfe"),
        LONG,
        True,
        h5py.Empty("f4"),
        h5py.Empty(h5py.string_dtype()),
        np.zeros((0,)),
        np.zeros((2, 3), rng.choice(TYPES)),
        np.array(rng.choice([1, 7]), rng.choice(TYPES[:10])),
        np.array([text, "y"], h5py.string_dtype()),
        np.array([[text]], h5py.string_dtype()),
        np.array([b"a", b"\xff"], "S2"),
        complex(1, 2),
        compound,
        ragged,
        np.array([1, 0], h5py.enum_dtype({"A": 0, "B": 1}, "i1")),
        np.array([np.nan, 1.0]),
        np.arange(3),
    ]
    return rng.choice(choices)


def array(rng: random.Random, values: np.ndarray) -> np.ndarray:
    """Return an array with other values, another type, or another shape."""
    kind = rng.randrange(9)
    if kind == 0:
        return values.astype(rng.choice(TYPES[:10]))
    if kind == 1:
        return np.zeros(values.shape, rng.choice(TYPES))
    if kind == 2:
        return np.full(values.shape, rng.choice([np.nan, np.inf, 0.0, 1e300, -1.0]))
    if kind == 3:
        return values[..., None] if rng.random() < 0.5 else values[None]
    if kind == 4 and values.ndim:
        return values[(0,) * rng.randrange(1, values.ndim + 1)]
    if kind == 5:
        return np.swapaxes(values, 0, -1) if values.ndim > 1 else values[::-1].copy()
    if kind == 6 and values.ndim:
        axis = rng.randrange(values.ndim)
        return np.take(values, range(rng.choice([0, 1, max(values.shape[axis] - 1, 0)])), axis)
    if kind == 7:
        return np.repeat(values, 2, rng.randrange(values.ndim)) if values.ndim else np.array([values] * 2)
    changed = values.copy()
    if changed.size:
        with np.errstate(all="ignore"):
            changed.reshape(-1)[rng.randrange(changed.size)] = rng.choice([0, 1, -5, 100])
    return changed


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value
