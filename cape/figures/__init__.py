"""Figures and animations; the only package that imports matplotlib."""
