"""t-SNE of tens of thousands of images in under a minute on a CPU."""
