"""From image files to model inputs.

``decode`` reads a file as an upright image, ``color`` converts it to sRGB or grayscale, and ``preprocessing`` makes the
input of a model: a center crop for the photo model, or the 28x28 format of Fashion-MNIST (``fashion_mnist``), for which
``segmentation`` removes the background. ``thumbnail`` makes what people see.
"""

from clothier.data.photos.decode import count_pixels, decode_image, decode_with_notes, read_file
from clothier.data.photos.fashion_mnist import is_fashion_mnist_image, to_fashion_mnist
from clothier.data.photos.preprocessing import center_crop, decode_for, load_image, preprocess
from clothier.data.photos.thumbnail import to_jpeg

__all__ = [
    "center_crop",
    "count_pixels",
    "decode_for",
    "decode_image",
    "decode_with_notes",
    "is_fashion_mnist_image",
    "load_image",
    "preprocess",
    "read_file",
    "to_fashion_mnist",
    "to_jpeg",
]
