"""t-SNE of tens of thousands of images in minutes on a CPU."""
