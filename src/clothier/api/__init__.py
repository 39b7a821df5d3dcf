"""The HTTP API: routes translate requests to workflows and the catalogue, and answer in JSON."""
