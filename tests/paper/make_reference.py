"""Write tests/paper/reference.npz: outputs of the published forms, which this package computed itself.

The published forms are tested against arrays of the published implementation where those are available. These arrays of
our own hold the same code to its outputs everywhere else. Run this script only after those tests have passed:

    python tests/paper/make_reference.py
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from published_cases import CASES, outputs  # noqa: E402

FILE = Path(__file__).with_name("reference.npz")

if __name__ == "__main__":
    arrays = {f"{name}/{key}": array for name in CASES for key, array in outputs(name).items()}
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE.name}: {len(arrays)} arrays, {FILE.stat().st_size} bytes")
