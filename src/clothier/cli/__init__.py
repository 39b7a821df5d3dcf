"""The command line: parse, call one workflow, show. Everything else happens below."""

from clothier.cli.door import main

__all__ = ["main"]
