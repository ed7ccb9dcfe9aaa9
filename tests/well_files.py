"""Write small files in the Well's layout, for tests."""

import h5py
import numpy as np


def well_field(samples=3, frames=4, resolution=(6, 8), components=(), varies=None, first=0.0):
    """A field whose value tells its place, without the axes that do not vary.

    first + 100·sample + 10·time + x + y/10 + z/100 + 1000·(row, then column of the component).
    """
    shape = (samples, frames, *resolution)
    varies = (True,) * len(shape) if varies is None else varies
    kept = [n for n, v in zip(shape, varies, strict=True) if v]
    weights = [w for w, v in zip((100.0, 10.0, 1.0, 0.1, 0.01), varies, strict=False) if v]
    weights += [1000.0, 2000.0 if components[1:] else 0.0][: len(components)]
    grid = np.ogrid[tuple(slice(0, n) for n in (*kept, *components))]
    grid = grid if isinstance(grid, list | tuple) else [grid]
    total = sum(w * g for w, g in zip(weights, grid, strict=True))
    return np.asarray(first + total, np.float32)


def write_the_well(
    path,
    fields=None,
    *,
    samples=3,
    frames=4,
    resolution=(6, 8),
    parameters=None,
    scalars=None,
    boundaries=None,
    times=None,
    coordinates=None,
    **attributes,
):
    """Write a file of the Well.

    Args:
        fields: {"t0_fields/name": (values, {attribute: value})}; `field_names` in the order given.
        parameters: {name: value}, root attributes listed in `simulation_parameters`.
        scalars: {name: (value, {attribute: value})}.
        boundaries: {name: (bc_type, associated_dims, mask)}; periodic on every axis where it is None.
    """
    names = ("x", "y", "z")[: len(resolution)]
    if fields is None:
        fields = {"t0_fields/A": (well_field(samples, frames, resolution), {})}
    if boundaries is None:
        boundaries = {f"{a}_periodic": ("PERIODIC", [a], None) for a in names}
    parameters = {} if parameters is None else parameters
    times = np.arange(frames, dtype=np.float32) if times is None else times
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {"dataset_name": "wells", "grid_type": "cartesian", "n_spatial_dims": len(resolution)}
        )
        file.attrs.update({"n_trajectories": samples, "simulation_parameters": list(parameters)} | parameters)
        file.attrs.update(attributes)
        file.create_group("dimensions").attrs["spatial_dims"] = list(names)
        file["dimensions/time"] = times
        for name, n in zip(names, resolution, strict=True):
            file[f"dimensions/{name}"] = np.arange(n) / n if coordinates is None else coordinates[name]
        for group in ("t0_fields", "t1_fields", "t2_fields", "scalars"):
            own = [name.partition("/")[2] for name in fields if name.startswith(group)]
            file.create_group(group).attrs["field_names"] = own if group != "scalars" else list(scalars or {})
        everything = fields | {f"scalars/{name}": value for name, value in (scalars or {}).items()}
        for name, (values, about) in everything.items():
            file[name] = values
            if not name.startswith("scalars"):
                about = {
                    "sample_varying": True,
                    "time_varying": True,
                    "dim_varying": [True] * len(names),
                } | about
            file[name].attrs.update(about)
        for name, (kind, dims, mask) in boundaries.items():
            group = file.create_group(f"boundary_conditions/{name}")
            group.attrs.update({"bc_type": kind, "associated_dims": dims, "associated_fields": []})
            if mask is not None:
                group["mask"] = mask
    return path


GRAY_SCOTT = {"F": 0.098, "k": 0.057}


def gray_scott(folder, name="bubbles", split="train", **changes):
    given = {"parameters": GRAY_SCOTT, "dataset_name": "gray_scott_reaction_diffusion"} | changes
    values = "_".join(f"{n}_{v:g}" for n, v in given["parameters"].items())
    return write_the_well(
        folder / "data" / split / f"gray_scott_reaction_diffusion_{name}_{values}.hdf5", **given
    )
