"""The equations that can be simulated: one file each, besides the contract in equation.py."""
