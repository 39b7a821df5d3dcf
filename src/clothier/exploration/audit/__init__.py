"""What is wrong with a dataset: duplicates, suspected label errors and outliers. Arrays in, findings out."""
