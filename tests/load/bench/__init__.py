"""Measurements: `make bench`. What is compared runs in turn, in one run, and is told as ratios of medians."""
