"""Metrics of a classifier on data: images, photos, corruptions, domain gap, misclassified images. Never trains."""
