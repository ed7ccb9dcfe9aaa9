"""Read the texts of variable length in files in a child process first, as damaged ones crash or hang HDF5.

HDF5 keeps such texts in a heap of the file and trusts the sizes in it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py

from cape.datasets.names import printable
from cape.datasets.readers import variable_length_child as child

SECONDS = 10.0  # that the child may take, besides those for the objects; its processor time is a third of all
SECONDS_PER_OBJECT = 0.01
OUT_OF_TIME = (None, -getattr(signal, "SIGXCPU", 0))  # exit statuses
SAFE = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)


def has_texts(thing: h5py.h5g.GroupID | h5py.h5d.DatasetID) -> bool:
    """Return whether a group or dataset has attributes that may be of variable length, reading none."""
    attributes = (h5py.h5a.open(thing, index=i) for i in range(h5py.h5a.get_num_attrs(thing)))
    return any(not _is_safe(attribute.get_type()) for attribute in attributes)


def check_texts(objects: Mapping[Path, Sequence[str]]) -> None:
    """Read all attributes of objects of files in one child process with limits of time and memory.

    Raises:
        ValueError: the child failed to read a file, crashed or ran out of time; the message names the file.
    """
    if not objects:
        return
    seconds = SECONDS + SECONDS_PER_OBJECT * sum(map(len, objects.values()))
    status, lines = _run_child([(str(path), list(names)) for path, names in objects.items()], seconds)
    if status == 0 or not lines:  # a child that could not start says nothing about the files
        return
    number, _, reason = lines[-1].partition(" ")
    cause = reason or ("it takes too long" if status in OUT_OF_TIME else "the HDF5 library crashes")
    path = list(objects)[int(number)]
    raise ValueError(f"{path}: damaged: the texts in its attributes cannot be read ({printable(cause)})")


def _run_child(objects: list[tuple[str, list[str]]], seconds: float) -> tuple[int | None, list[str]]:
    """Return the exit status of the child, or None if time ran out, and the lines that it printed."""
    command = [sys.executable, "-P", child.__file__, str(max(1, int(seconds / 3)))]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    given = json.dumps(objects).encode()
    try:
        ended = subprocess.run(
            command, env=environment, input=given, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(errors="replace").splitlines()
    return ended.returncode, ended.stdout.decode(errors="replace").splitlines()


def _is_safe(kind: h5py.h5t.TypeID) -> bool:
    fixed_text = kind.get_class() == h5py.h5t.STRING and not kind.is_variable_str()
    return fixed_text or kind.get_class() in SAFE
