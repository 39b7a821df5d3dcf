"""Tags the photos of a catalogue and keeps every tag in a database."""
