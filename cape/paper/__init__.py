"""The published forms of CAPE, FNO and U-Net, and the conversion of published checkpoints."""
