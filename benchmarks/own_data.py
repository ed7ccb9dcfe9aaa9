"""Read files of arrays: memory of a part of a large file, the time of many small ones, and a study from a file.

    python benchmarks/own_data.py memory    # resident memory for opening 2 GB, and for reading 1 % of it
    python benchmarks/own_data.py many      # seconds for opening and reading 3000 small files
    python benchmarks/own_data.py study     # six cells: file in, surrogate out, errors at held-out values, a figure

Needs the extra `formats`, and for the study `plot`. Files are made in a temporary folder.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

import cape

LARGE = (1000, 50, 5000)  # [sample, time, x], float64: 2 GB
SMALL = (1, 20, 64)
FILES = 3000
ARGUMENTS = {"axes": "sample time x", "dt": 0.1, "dx": 0.01, "parameters": {"nu": 0.1}}
FORMATS = (".npy", ".npz", ".nc", ".zarr", ".mat", ".h5")
READ = """
import sys
import cape
from pathlib import Path
path, arguments = Path(sys.argv[1]), eval(sys.argv[2])
import cape.datasets.opening, xarray, zarr, h5netcdf
def resident(which="VmRSS"):
    return int(Path("/proc/self/status").read_text().split(f"{which}:")[1].split()[0]) / 1024
before = resident()
data = cape.open(path, **arguments)
opened = resident()
data.read(range(300, 310))
peak = resident("VmHWM")
print(f"{path.suffix:6} opened: {opened - before:6.1f} MiB, 10 of 1000 samples read: {peak - before:6.1f} MiB")
"""


def write(path: Path, shape: tuple[int, ...]) -> Path:
    """Write random numbers u[sample, time, x] in the format of the suffix; .mat is version 7.3, with reversed axes."""
    import xarray
    import zarr

    rng = np.random.default_rng(0)
    if path.suffix == ".zarr":
        zarr.create_array(path, data=rng.random(shape), chunks=(min(10, shape[0]), *shape[1:]), name="u")
    elif path.suffix == ".npy":
        np.save(path, rng.random(shape))
    elif path.suffix == ".npz":
        np.savez(path, u=rng.random(shape))
    elif path.suffix == ".nc":
        dims = ("sample", "time", "x")
        xarray.Dataset({"u": (dims, rng.random(shape))}).to_netcdf(path, engine="h5netcdf")
    else:
        is_matlab = path.suffix == ".mat"
        with h5py.File(path, "w", userblock_size=512 if is_matlab else 0) as file:
            file["u"] = rng.random(shape[::-1] if is_matlab else shape)
    return path


def memory(folder: Path) -> None:
    for suffix in FORMATS:
        path = write(folder / f"large{suffix}", LARGE)
        subprocess.run([sys.executable, "-c", READ, str(path), repr(ARGUMENTS)], check=True)
        subprocess.run(["rm", "-r", str(path)], check=True)


def many(folder: Path) -> None:
    for suffix in FORMATS:
        inside = folder / suffix[1:]
        inside.mkdir()
        for i in range(FILES):
            write(inside / f"run{i}_nu={i + 1}{suffix}", SMALL)
        start = time.perf_counter()
        data = cape.open(inside, **ARGUMENTS | {"parameters": ["nu"]})
        opened = time.perf_counter()
        data.read()
        read = time.perf_counter()
        print(f"{suffix:6} {FILES} files: opened in {opened - start:.1f} s, read in {read - opened:.1f} s")


def study(folder: Path) -> None:
    import xarray

    nu = np.repeat([0.01, 0.03, 0.1, 0.3, 1.0], 12)  # the first cell: the user's own solutions, here of heat
    t, x = np.linspace(0, 1, 21), (np.arange(64) + 0.5) / 64
    rng = np.random.default_rng(0)
    k = 2 * np.pi * np.arange(1, 4)
    a, b = rng.normal(size=(2, 12, 3, 1, 1))
    waves = a * np.sin(k[:, None, None] * x) + b * np.cos(k[:, None, None] * x)
    u = np.concatenate(
        [(waves * np.exp(-v / 10 * k[:, None, None] ** 2 * t[:, None])).sum(1) for v in nu[::12]]
    )
    np.savez(folder / "heat.npz", u=u, nu=nu, t=t, x=x)
    variables = {"u": (("run", "time", "x"), u), "nu": (("run",), nu)}
    xarray.Dataset(variables, {"time": t, "x": x}).to_netcdf(folder / "heat.nc", engine="h5netcdf")
    for name in ("heat.npz", "heat.nc"):
        start = time.perf_counter()
        cells = f"""
import cape
data = cape.open({str(folder / name)!r})
surrogate = cape.train(data, held_out={{"nu": [0.03, 0.3]}}, folder={str(folder / name)!r} + "-run", progress=False)
report = cape.evaluate(surrogate, data)
print(report)
report.write({str(folder / name)!r} + "-report", figures=True)
"""
        subprocess.run([sys.executable, "-W", "ignore", "-c", cells], check=True)
        figures = len(list(Path(f"{folder / name}-report").glob("*.png")))
        print(f"{name}: six cells in {time.perf_counter() - start:.0f} s, {figures} figures")


if __name__ == "__main__":
    if sys.argv[1:] not in (["memory"], ["many"], ["study"]):
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        {"memory": memory, "many": many, "study": study}[sys.argv[1]](Path(temporary))
