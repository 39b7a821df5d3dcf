"""The one place where files become pictures, and pictures become what a model wants to see.

``reading`` takes a file to an upright picture (``colour``: in sRGB or grey), ``views`` takes that to the view of a
model: ``square`` for the photo model, ``fashion_mnist`` by the steps of the Fashion-MNIST paper, with the ``background``
found and taken away.
"""

from clothier.data.photos.decode import decode_image
from clothier.data.photos.fashion_mnist import is_fashion_mnist_image, to_fashion_mnist
from clothier.data.photos.preprocessing import center_crop, decode_for, load_image, preprocess

__all__ = [
    "center_crop",
    "decode_for",
    "decode_image",
    "is_fashion_mnist_image",
    "load_image",
    "preprocess",
    "to_fashion_mnist",
]
