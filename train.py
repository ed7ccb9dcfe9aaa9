"""Train a surrogate and evaluate it on parameters it has never seen: python train.py [PRESET] [overrides].

The same as `cape train`; the story itself is told by cape/experiment.py (run) and cape/training/fit.py (fit).
"""

import sys

from cape.commands.entry import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
