"""Parameters in the names of files, such as burgers_Nu0.01.npz or run_nu=0.01_rho=2.nc."""

from __future__ import annotations

import re
from pathlib import Path

from cape.datasets.formats.words import may_be_parameter

_TAG = re.compile(r"([A-Za-z][A-Za-z_]*?)(=?)([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)")
_SUFFIX = re.compile(r"\.(hdf5|h5|npy|npz|nc|nc4|cdf|mat|zarr|zip)$", re.IGNORECASE)


def parameters_in_name(path: Path) -> dict[str, tuple[float, bool]]:
    """Return the number for each name in a file's name, and whether it is surely a parameter.

    Surely parameters are those written with "=" or with a decimal point or exponent; "run3" and "x64" may be counters.
    """
    stem = path.name
    while _SUFFIX.search(stem):
        stem = _SUFFIX.sub("", stem)
    found = {}
    for part in re.split(r"[_\s,;]+", stem):
        match = _TAG.fullmatch(part)
        if match:
            name, equals, number = match.groups()
            sure = may_be_parameter(name) and bool(equals or re.search(r"[.eE]", number))
            found[name] = (float(number), sure)
    return found
