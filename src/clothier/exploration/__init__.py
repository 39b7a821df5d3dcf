"""Statistics of a data set before any model: pixels, PCA, t-SNE, audit."""
