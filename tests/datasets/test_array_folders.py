"""Many files of arrays together: parameters in their names, attributes and tables."""

import json

import array_files as files
import h5py
import numpy as np
import pytest
from array_files import NU, SAMPLES, TIMES, U, X

import cape
from cape.datasets.opening import find_files, open_files

GRID = {"axes": "time x", "times": TIMES, "coordinates": [X]}


def one_per_sample(folder, name="run{i}.npy"):
    for i in range(SAMPLES):
        np.save(folder / name.format(i=i, nu=NU[i]), U[i])
    return folder


def table(path, names=True, rows=SAMPLES, column="viscosity"):
    lines = [f"file,{column},note" if names else f"{column},note"]
    order = reversed(range(rows)) if names else range(rows)
    lines += [f"run{i}.npy,{NU[i]},ok" if names else f"{NU[i]},ok" for i in order]
    path.write_text("\n".join(lines) + "\n")
    return path


def check(data):
    np.testing.assert_array_equal(data.read()[..., 0], U.astype(np.float32))
    np.testing.assert_allclose(data.parameters[:, 0], NU)
    assert len(set(data.initial_conditions.tolist())) == SAMPLES


def test_parameters_are_in_the_names_of_files(tmp_path):
    one_per_sample(tmp_path, "{i}_nu{nu}.npy")
    check(cape.open(tmp_path, **GRID))
    check(cape.open(sorted(tmp_path.iterdir()), **GRID, parameters={"Nu": "nu"}))
    with pytest.raises(ValueError, match="parameter 'Nu': no array, attribute.*did you mean 'nu'"):
        cape.open(tmp_path, **GRID, parameters="Nu")


def test_parameters_are_in_attributes_and_scalars(tmp_path):
    for i in range(SAMPLES):
        with h5py.File(tmp_path / f"run{i}.h5", "w") as file:
            file["fields/u"], file["t"], file["x"], file["physics/rho"] = U[i], TIMES, X, 2.0
            file.attrs["nu"] = NU[i]
    check(cape.open(tmp_path, parameters="nu", axes="time x"))
    assert cape.open(tmp_path, axes="time x").parameter_names == ("rho",)
    scalars = tmp_path / "scalars"
    scalars.mkdir()
    for i in range(SAMPLES):
        files.npz(scalars / f"{i}.npz", u=U[i : i + 1], nu=NU[i])
    check(open_files(scalars))


@pytest.mark.parametrize("kind", ["names", "order", "json rows", "json columns", "json by name"])
def test_parameters_are_in_a_table(tmp_path, kind):
    folder = tmp_path / "runs"
    folder.mkdir()
    one_per_sample(folder)
    path = tmp_path / ("runs.json" if "json" in kind else "runs.csv")
    if kind == "json rows":
        path.write_text(json.dumps([{"file": f"run{i}.npy", "viscosity": NU[i]} for i in range(SAMPLES)]))
    elif kind == "json columns":
        path.write_text(json.dumps({"viscosity": NU.tolist()}))
    elif kind == "json by name":
        path.write_text(json.dumps({f"run{i}": {"viscosity": NU[i]} for i in range(SAMPLES)}))
    else:
        table(path, names=kind == "names")
    check(cape.open(folder, **GRID, table=path, parameters={"Nu": "viscosity"}))
    check(cape.open(folder, **GRID, table=path))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: table(p, rows=5), r"runs.csv: no row\(s\) for run5.npy, expected one"),
        (lambda p: table(p, names=False, rows=5), "column 'viscosity': 5 values, expected 6"),
        (lambda p: table(p, column="mu"), "'viscosity'; did you mean|'viscosity'; known are"),
        (lambda p: p.write_text("file,viscosity\nrun0.npy\n"), "row 1 has 1 entries, expected 2"),
        (lambda p: p.write_text("file,viscosity\nrun0.npy,a\n"), "row 1: 'a' is no finite number"),
        (lambda p: p.write_text("a,a\n1,2\n"), "expected names of columns that differ"),
        (lambda p: p.write_text(""), "no row|names of columns"),
        (lambda p: p.write_bytes(b"\xff\xfe\x00"), "damaged or no table"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path, write, message):
    folder = tmp_path / "runs"
    folder.mkdir()
    one_per_sample(folder)
    write(tmp_path / "runs.csv")
    with pytest.raises(ValueError, match=message):
        cape.open(folder, **GRID, table=tmp_path / "runs.csv", parameters={"nu": "viscosity"})
    with pytest.raises(ValueError, match="none.csv: no such file"):
        cape.open(folder, table=tmp_path / "none.csv")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match="bad.json: damaged or no table"):
        cape.open(folder, table=tmp_path / "bad.json")


def test_files_that_differ_are_refused(tmp_path):
    files.npz(tmp_path / "a.npz")
    files.npz(tmp_path / "b.npz", u=U[..., ::2], x=X[::2])
    with pytest.raises(ValueError, match=r"resolution: \(16,\) in .*a.npz, \(8,\) in .*b.npz"):
        open_files(tmp_path)


def test_files_of_the_same_name_have_different_initial_conditions(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.npz(tmp_path / name / "u.npz")
    data = open_files([tmp_path / "a", tmp_path / "b"])
    assert len(set(data.initial_conditions.tolist())) == 2 * SAMPLES


def test_files_of_known_layouts_come_first_in_a_folder(tmp_path):
    files.npz(tmp_path / "a.npz")
    files.hdf5(tmp_path / "b.h5")
    assert find_files(tmp_path) == [tmp_path / "b.h5"]
