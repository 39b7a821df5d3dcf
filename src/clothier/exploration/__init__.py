"""Statistics of a dataset before any training: pixels, PCA, t-SNE, audit."""
