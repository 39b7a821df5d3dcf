"""An index of a catalogue's photos, in which similar garments are found."""

from clothier.catalogue.index.build import IndexUpdate, NoEmbeddingsError, update_index
from clothier.catalogue.index.filters import Filters
from clothier.catalogue.index.search import Index, Neighbor, open_index

__all__ = ["Filters", "Index", "IndexUpdate", "Neighbor", "NoEmbeddingsError", "open_index", "update_index"]
