"""Scripts that make what is committed: bundles, notebook, command reference. Run: python -m tools.NAME."""
