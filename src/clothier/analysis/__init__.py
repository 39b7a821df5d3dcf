"""Arrays in, findings out: how images vary, how good a classifier is, where it errs. numpy; scipy to fit a PCA."""
