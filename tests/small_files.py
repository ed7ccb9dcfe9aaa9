"""Write small files in PDEBench's layouts, for tests."""

import h5py
import numpy as np


def scalar_field(samples=6, frames=5, points=8, dtype=np.float32):
    """u[sample, time, x] whose value tells its place: 100·sample + 10·time + x/10."""
    n, t, x = np.ogrid[:samples, :frames, :points]
    return (100.0 * n + 10.0 * t + x / 10).astype(dtype)


def cell_centres(points):
    return ((np.arange(points) + 0.5) / points).astype(np.float32)


def write_scalar(path, u=None, times=None, x=None, datasets=None, without=(), **attributes):
    """Write `tensor`, coordinates (time one longer than the frames), root attributes, further datasets."""
    u = scalar_field() if u is None else u
    contents = {
        "tensor": u,
        "t-coordinate": 0.25 * np.arange(u.shape[1] + 1, dtype=np.float32) if times is None else times,
        "x-coordinate": cell_centres(u.shape[2]) if x is None else x,
        **(datasets or {}),
    }
    return _write(path, contents, without, attributes)


def write_compressible(
    path, dimension=1, samples=3, frames=4, points=8, without=(), datasets=None, **attributes
):
    """Write density, pressure, Vx...: channel c is 1000·c + 100·sample + 10·time + x + y/10 + z/100."""
    shape = (samples, frames, *(points,) * dimension)
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    weights = (100.0, 10.0, 1.0, 0.1, 0.01)
    place = sum(w * g for w, g in zip(weights, grid, strict=False))
    names = ("density", "pressure", "Vx", "Vy", "Vz")[: 2 + dimension]
    contents = {name: (place + 1000.0 * c).astype(np.float32) for c, name in enumerate(names)}
    contents |= {f"{axis}-coordinate": cell_centres(points) for axis in "xyz"[:dimension]}
    contents["t-coordinate"] = 0.05 * np.arange(frames + 1, dtype=np.float32)
    return _write(path, contents | (datasets or {}), without, attributes)


def _write(path, contents, without, attributes):
    with h5py.File(path, "w") as file:
        for name, values in contents.items():
            if name not in without:
                file[name] = values
        file.attrs.update(attributes)
    return path


def place(samples, frames, resolution, channels):
    """u[sample, time, *space, channel] = 1000·channel + 100·sample + 10·time + x + y/10 + z/100."""
    shape = (samples, frames, *resolution, channels)
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    weights = (100.0, 10.0, 1.0, 0.1, 0.01)[: len(shape) - 1]
    return sum(w * g for w, g in zip((*weights, 1000.0), grid, strict=True)).astype(np.float32)


def write_samples(path, u, configs=None, times=None, grid=None, names=None):
    """Write a group per sample of u [sample, time, *space, channel]: `data`, `grid` and the attribute `config`."""
    times = 0.05 * np.arange(u.shape[1], dtype=np.float32) if times is None else times
    grid = {a: cell_centres(n) for a, n in zip("xyz", u.shape[2:-1], strict=False)} if grid is None else grid
    with h5py.File(path, "w") as file:
        for i, sample in enumerate(u):
            group = file.create_group(names[i] if names else f"{i:04d}")
            group["data"] = sample
            for name, x in {**grid, "t": times}.items():
                group[f"grid/{name}"] = x
            if configs is not None and configs[i] is not None:
                group.attrs["config"] = configs[i]
    return path


DAM = """
name: radial_dam_break
sim:
  seed: {i}
  dam_radius: {radius}
  gravity: 1.0
  xdim: 6
  tag: [1, 2]
plot: {{dpi: 300, show: true}}
output_path: run_{i}
"""


def dam_break(path, radii=(0.3, 0.5, 0.7), frames=4, **changes):
    """Write shallow water (2D_rdb) with one dam radius per sample."""
    u = place(len(radii), frames, (6, 8), 1)
    configs = [DAM.format(i=i, radius=radius) for i, radius in enumerate(radii)]
    return write_samples(path, **({"u": u, "configs": configs} | changes))


def write_incompressible(path, samples=4, frames=5, points=8, times=None, without=(), datasets=None):
    """Write `velocity`, `particles`, `force` (the same in all frames) and `t` [sample, time]."""
    u = place(samples, frames, (points, points), 5)
    contents = {
        "velocity": u[..., :2],
        "particles": u[..., 2:3],
        "force": u[:, 0, ..., 3:],
        "t": np.tile(0.005 * np.arange(frames), (samples, 1)) if times is None else times,
    }
    return _write(path, contents | (datasets or {}), without, {})


def allocate(group, name, shape):
    """Add a dataset of zeros of any shape that takes no space on the disk: it is allocated, but nothing is written."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.NATIVE_FLOAT, space, plist)
