"""Where photos come from: a folder, a CSV, a ZIP or a Parquet file, each as a stream of items."""

from clothier.data.photo_sources.item import DEFAULT_FILE_COLUMN, Item, Source, SourceColumns
from clothier.data.photo_sources.named import NamedSource
from clothier.data.photo_sources.open_source import open_source

__all__ = ["DEFAULT_FILE_COLUMN", "Item", "NamedSource", "Source", "SourceColumns", "open_source"]
