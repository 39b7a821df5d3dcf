"""One file per command: which steps, in which order."""
