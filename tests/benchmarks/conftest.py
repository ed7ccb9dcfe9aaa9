"""Makes the modules under benchmarks/ importable by the names that the scripts use."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
