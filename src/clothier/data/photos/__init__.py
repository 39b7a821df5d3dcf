"""The one place where files become pictures, and pictures become what a model wants to see.

``reading`` takes a file to an upright picture (``colour``: in sRGB or grey), ``views`` takes that to the view of a
model: ``square`` for the photo model, ``garment28`` by the steps of the Fashion-MNIST paper, with the ``background``
found and taken away.
"""

from clothier.data.photos.decode import read_picture
from clothier.data.photos.fashion_mnist import garment28, is_garment28
from clothier.data.photos.preprocessing import load_view, read_for, square, view_of

__all__ = ["garment28", "is_garment28", "load_view", "read_for", "read_picture", "square", "view_of"]
