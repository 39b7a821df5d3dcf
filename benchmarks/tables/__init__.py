"""Generates the tables in docs/ from ``benchmarks/results``."""
