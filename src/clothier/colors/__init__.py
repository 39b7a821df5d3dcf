"""The main colors of a garment in a photo: ``garment`` finds the garment and its colors, ``color_names`` names them."""

from clothier.colors.garment import VERSION, main_colors

__all__ = ["VERSION", "main_colors"]
