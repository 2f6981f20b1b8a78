"""Figures of the hot paths, as ratios between programs measured in turn within one run."""
