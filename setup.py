"""Finds the packages. `solvers` and `datasets` install inside `cape`: their own names would clash with others."""

from setuptools import find_packages, setup

FOLDERS = {
    "cape": "cape",
    "cape.solvers": "solvers",
    "cape.datasets": "datasets",
    "cape.configs": "configs",
    "cape.shipped": "pretrained",
}

setup(
    package_dir=FOLDERS,
    packages=[
        package
        for name, folder in FOLDERS.items()
        for package in (name, *(f"{name}.{inner}" for inner in find_packages(folder)))
    ],
)
