"""Write trajectories in PDEBench's layout, one file per parameter value or range, atomically."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Int, Shaped

from cape.atomic import replacing
from cape.datasets.disk_space import check_free, reserve
from cape.datasets.lock import locked_path

IN_ATTRIBUTES = (
    "beta",
    "Nu",
    "rho",
    "eta",
    "zeta",
    "M",
)  # parameters that PDEBench's files have as attributes
_HEADER_BYTES = 2**16  # more than attributes and names take
AXES = ("x-coordinate", "y-coordinate", "z-coordinate")
SCALAR = "tensor"  # the field of a scalar equation
Put = Callable[[slice, slice, Shaped[np.ndarray, "sample time *space channel"]], None]


@contextmanager
def writing(
    path: Path,
    *,
    parameters: Float[np.ndarray, "sample parameter"],
    parameter_names: Sequence[str],
    coordinates: Sequence[Float[np.ndarray, " _"]],
    times: Float[np.ndarray, " time"],
    initial_conditions: Int[np.ndarray, " sample"],
    attributes: Mapping[str, str | int | float],
    channel_names: Sequence[str] = ("u",),
    named_channels: bool = False,
    overwrite: bool = False,
) -> Iterator[Put]:
    """Open a new file for writing piece by piece: `with writing(...) as put: put(samples, frames, u)`.

    `put` takes a slice of samples, a slice of frames and u [sample, time, *space, channel].

    The layout is PDEBench's. Fields are float32 datasets [sample, time, *space]: `tensor` for the single channel u,
    otherwise one dataset per channel. Coordinates are `x-coordinate`, ... (cell centres) and `t-coordinate`, which is
    one longer than the frames, as in PDEBench. Those of PDEBench's parameters that are equal in every sample are root
    attributes.

    The file also holds a float64 dataset [sample] for every other parameter, the dataset `initial-condition` (equal
    numbers mean equal initial conditions), the given attributes, the attribute `parameters` (names in order) and, for
    fields that PDEBench does not have, the attribute `channels` (names in order).

    With `named_channels`, every file has the attribute `channels`, whatever its fields, and float64 coordinates.

    The file is written atomically (see `cape.atomic.replacing`). Its space on the disk is reserved first, because HDF5
    can crash the interpreter when a disk is full.

    Raises:
        ValueError: shapes do not fit, or a channel has the name of another dataset.
        FileExistsError: the file exists and `overwrite` is false.
        FolderInUse: another process is writing the file.
        OSError: the disk is full or read-only; the message says how much space is needed.
    """
    path = Path(path)
    parameters = np.asarray(parameters, np.float64)
    scalar = tuple(channel_names) == ("u",) and not named_channels
    datasets = (SCALAR,) if scalar else tuple(channel_names)
    _check_layout(path, parameters, parameter_names, datasets, len(initial_conditions))
    refuse_existing([path], overwrite)
    shape = (len(initial_conditions), len(times), *map(len, coordinates))
    size = file_size(shape, len(datasets), len(parameter_names))
    with locked_path(path), replacing(path) as temporary, _new_file(temporary, size) as file:
        file.attrs.update(dict(attributes))
        file.attrs["parameters"] = list(parameter_names)
        if named_channels or not (scalar or {"density", "pressure"} <= set(datasets)):
            file.attrs["channels"] = list(datasets)
        _write_parameters(file, parameters, parameter_names)
        precision = np.float64 if named_channels else np.float32
        for name, points in zip(AXES, coordinates, strict=False):
            file[name] = np.asarray(points, precision)
        file["t-coordinate"] = _one_longer(times).astype(precision)
        file["initial-condition"] = np.asarray(initial_conditions, np.int64)
        fields = [_allocate(file, name, shape) for name in datasets]
        file.flush()
        reserve(temporary, temporary.stat().st_size)  # again, because opening the file has emptied it

        def put(rows: slice, frames: slice, u: np.ndarray) -> None:
            for channel, field in enumerate(fields):
                field[rows, frames] = u[..., channel]

        yield put


def write(path: Path, u: Shaped[np.ndarray, "sample time *space channel"], **layout) -> Path:
    """Write a whole array u[sample, time, *space, channel]; return the path.

    Args:
        layout: the other arguments of `writing`.

    Raises:
        ValueError, FileExistsError: see `writing`.
    """
    space = tuple(map(len, layout["coordinates"]))
    channels = len(layout.get("channel_names", ("u",)))
    expected = (len(layout["initial_conditions"]), len(layout["times"]), *space, channels)
    if u.shape != expected:
        raise ValueError(
            f"{Path(path).name}: expected u (sample, time, *space, channel) of shape {expected}, got {u.shape}"
        )
    with writing(path, **layout) as put:
        put(slice(None), slice(None), u)
    return Path(path)


def file_size(shape: Sequence[int], channels: int, parameters: int) -> int:
    """Return the size of a file in bytes, rounded up.

    Args:
        shape: [sample, time, *space] of its fields.
    """
    samples, frames, *space = shape
    fields, others = 4 * math.prod(shape) * channels, 8 * (samples * (parameters + 1) + frames + sum(space))
    return fields + others + _HEADER_BYTES + 4096 * (channels + parameters)


def refuse_existing(paths: Sequence[Path], overwrite: bool) -> None:
    """Raise FileExistsError if a file exists and may not be overwritten; the message names all such files."""
    existing = [str(path) for path in paths if Path(path).exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f"already there: {', '.join(existing)}; choose another folder or ask to overwrite"
        )


def _new_file(path: Path, size: int) -> h5py.File:
    """Open a new file if the disk has room for it."""
    check_free(path.parent, size)
    reserve(path, size)
    return h5py.File(path, "w")


def _allocate(file: h5py.File, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """Create a field whose place in the file is fixed now and not when it is written."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    return file.create_dataset(name, shape, np.float32, dcpl=settings)


def _check_layout(
    path: Path, parameters: np.ndarray, names: Sequence[str], datasets: Sequence[str], samples: int
) -> None:
    if parameters.shape != (samples, len(names)):
        raise ValueError(
            f"{path.name}: expected parameters ({samples}, {len(names)}), one column for each of "
            f"{tuple(names)}, got {parameters.shape}"
        )
    others = (
        *names,
        *AXES,
        "t-coordinate",
        "initial-condition",
        *([] if datasets == (SCALAR,) else [SCALAR]),
    )
    taken = [name for name in datasets if name in others]
    if taken:
        raise ValueError(
            f"{path.name}: {', '.join(taken)} cannot name both a channel and another dataset; rename the channel"
        )


def _write_parameters(file: h5py.File, parameters: np.ndarray, names: Sequence[str]) -> None:
    for name, values in zip(names, parameters.T, strict=True):
        if name in IN_ATTRIBUTES and (values == values[0]).all():
            file.attrs[name] = values[0]
        else:
            file[name] = values


def _one_longer(times: np.ndarray) -> np.ndarray:
    times = np.asarray(times, np.float64)
    step = times[-1] - times[-2] if len(times) > 1 else 1.0
    return np.append(times, times[-1] + step)
