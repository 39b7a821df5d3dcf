"""Distillation: teachers, their soft targets, and the ensemble that a student learns from."""
