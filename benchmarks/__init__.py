"""Every benchmark, every baseline and their results. Run from the repository's root: python -m benchmarks.NAME."""
