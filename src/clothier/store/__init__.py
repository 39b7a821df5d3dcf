"""The database that holds a catalogue's photos, model outputs and tags."""

from clothier.store.store import Store, open_existing_store, open_store

__all__ = ["Store", "open_existing_store", "open_store"]
