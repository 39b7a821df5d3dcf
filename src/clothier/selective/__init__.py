"""Calibration and abstention: temperature, out-of-distribution score, risk control, thresholds, decisions."""
