"""Read attributes of HDF5 files: `python variable_length_child.py SECONDS`, run by variable_length.py.

The standard input is JSON: a list of [file, [object, ...]]. The program prints the number of each file before it reads
the file. It stops with status 3 at the first one that cannot be read, after printing the reason behind its number. It
imports nothing of this package, so that it starts fast.
"""

import json
import sys

import h5py

MEMORY = 4 * 2**30


def limit(seconds: int) -> None:
    """Limit the processor time and the memory of this process, where the system can, and write no core file."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: seconds, resource.RLIMIT_AS: MEMORY}
    for which, most in limits.items():
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def read_attributes(path: str, objects: list[str]) -> None:
    """Read every attribute of objects of a file."""
    with h5py.File(path, "r") as file:
        for name in objects:
            attributes = file[name].attrs
            for key in attributes:
                try:
                    attributes[key]
                except (TypeError, NotImplementedError):  # numpy lacks the type, so that no reader reads it
                    continue


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    for number, (path, objects) in enumerate(json.load(sys.stdin)):
        print(number, flush=True)
        try:
            read_attributes(path, objects)
        except Exception as error:
            print(number, type(error).__name__, *str(error).split(), flush=True)
            sys.exit(3)
