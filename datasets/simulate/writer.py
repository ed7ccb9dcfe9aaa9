"""Writing trajectories in PDEBench's layout, one file per parameter value or range: whole files or none."""

import glob
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Int, Shaped

PUBLISHED = (
    "beta",
    "Nu",
    "rho",
    "eta",
    "zeta",
    "M",
)  # parameters that the benchmark's files have as attributes
AXES = ("x-coordinate", "y-coordinate", "z-coordinate")
Put = Callable[[slice, slice, Shaped[np.ndarray, "sample time *space channel"]], None]


@contextmanager
def writing(
    path: Path,
    *,
    parameters: Float[np.ndarray, "sample parameter"],
    parameter_names: Sequence[str],
    coordinates: Sequence[Float[np.ndarray, " n"]],
    times: Float[np.ndarray, " time"],
    initial_conditions: Int[np.ndarray, " sample"],
    attributes: Mapping[str, str | int | float],
    channel_names: Sequence[str] = ("u",),
    overwrite: bool = False,
) -> Iterator[Put]:
    """Open a new file for writing piece by piece: `with writing(...) as put: put(samples, frames, u)`.

    `put` takes a slice of samples, a slice of frames and u [sample, time, *space, channel]. The layout is that
    of the benchmark: `tensor` [sample, time, *space] for the single channel u, else a dataset per channel,
    float32 (contiguous); `x-coordinate`, ... (cell centres); `t-coordinate` (one longer than the frames, as
    published); a root attribute for each of the benchmark's parameters that is the same in every sample.
    Added to it: a float64 dataset [sample] for every other parameter, the dataset `initial-condition` (equal
    numbers mean equal initial conditions), the attributes given, `parameters` (names in order) and, where the
    benchmark has no such fields, `channels` (likewise).

    The file is written under a temporary name in the same folder and gets its own name only when complete;
    after an error nothing is left. What a killed process has left is a file whose name starts with a dot, which
    readers of folders pass over, and which the next one to write the same file removes.

    Raises:
        ValueError: when shapes do not fit together.
        FileExistsError: when the file is there already and `overwrite` is false.
    """
    path = Path(path)
    parameters = np.asarray(parameters, np.float64)
    samples = len(initial_conditions)
    if parameters.shape != (samples, len(parameter_names)):
        raise ValueError(
            f"{path.name}: expected parameters ({samples}, {len(parameter_names)}), one column for each of "
            f"{tuple(parameter_names)}, got {parameters.shape}"
        )
    names = ("tensor",) if tuple(channel_names) == ("u",) else tuple(channel_names)
    taken = [name for name in names if name in (*parameter_names, *AXES, "t-coordinate", "initial-condition")]
    if taken:
        raise ValueError(f"{path.name}: {', '.join(taken)} cannot name both a channel and something else")
    refuse_existing([path], overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clean_up(path)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.name}.{_owner(os.getpid())}.", suffix=".partial", dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(dict(attributes))
            file.attrs["parameters"] = list(parameter_names)
            if names[0] != "tensor" and not {"density", "pressure"} <= set(names):
                file.attrs["channels"] = list(names)
            for column, parameter in enumerate(parameter_names):
                values = parameters[:, column]
                if parameter in PUBLISHED and (values == values[0]).all():
                    file.attrs[parameter] = values[0]
                else:
                    file[parameter] = values
            for name, points in zip(AXES, coordinates, strict=False):
                file[name] = np.asarray(points, np.float32)
            file["t-coordinate"] = _one_longer(times).astype(np.float32)
            file["initial-condition"] = np.asarray(initial_conditions, np.int64)
            shape = (samples, len(times), *map(len, coordinates))
            fields = [file.create_dataset(name, shape, np.float32) for name in names]

            def put(rows: slice, frames: slice, u: np.ndarray) -> None:
                for channel, field in enumerate(fields):
                    field[rows, frames] = u[..., channel]

            yield put
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, u: Shaped[np.ndarray, "sample time *space channel"], **layout) -> Path:
    """Write a whole array u[sample, time, *space, channel]; further arguments are those of `writing`."""
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


def refuse_existing(paths: Sequence[Path], overwrite: bool) -> None:
    """Raise FileExistsError naming the files that are there already, unless they may be overwritten."""
    existing = [str(path) for path in paths if Path(path).exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f"already there: {', '.join(existing)}; choose another folder or ask to overwrite"
        )


def _clean_up(path: Path) -> None:
    """Remove what processes of this machine that are no more have left of this file."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        owner = left.name.removeprefix(f".{path.name}.").split(".")[0]
        number = owner.rpartition("-")[2]
        if number.isdecimal() and owner == _owner(int(number)) and not _runs(int(number)):
            left.unlink(missing_ok=True)


def _owner(process: int) -> str:
    return f"{platform.node().partition('.')[0]}-{process}"


def _runs(process: int) -> bool:
    """Tell whether a process of this machine runs; where one cannot ask without harm (Windows), as if it did."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)  # asks only
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _one_longer(times: np.ndarray) -> np.ndarray:
    times = np.asarray(times, np.float64)
    step = times[-1] - times[-2] if len(times) > 1 else 1.0
    return np.append(times, times[-1] + step)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
