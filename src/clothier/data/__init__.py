"""Data sets and photos: from files to arrays."""
