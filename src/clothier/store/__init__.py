"""The database that holds a catalogue's photos, model outputs and tags."""

from clothier.store.opening import is_missing, open_existing_store, open_store, store_name
from clothier.store.store import Store

__all__ = ["Store", "is_missing", "open_existing_store", "open_store", "store_name"]
