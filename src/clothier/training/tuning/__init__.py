"""Search for recipes with Optuna."""
