"""Generates the tables in docs/ from ``benchmarks/results``, between their markers.

    python -m benchmarks.tables           writes the documents
    python -m benchmarks.tables --check   exits with 1 when a document differs from the results

A table is between ``<!-- table: NAME -->`` and ``<!-- /table -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from benchmarks.tables import catalogue, fashion_mnist, leaderboard, photos
from benchmarks.tables.formatting import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
TABLE_PATTERN = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)
TABLES: dict[str, Callable[[], str]] = {
    "presets": fashion_mnist.presets,
    "study": fashion_mnist.study,
    "explore": fashion_mnist.explore,
    "training": fashion_mnist.training,
    "map": fashion_mnist.maps,
    "inference": fashion_mnist.inference,
    "audit": fashion_mnist.audit,
    "bundles": fashion_mnist.bundles,
    "ablation": fashion_mnist.ablation,
    "leaderboard": leaderboard.leaderboard,
    "mcnemar": leaderboard.mcnemar,
    "photo": photos.photo,
    "colors": photos.colors,
    "simulated_shops": photos.simulated_shops,
    "false_alarms": photos.false_alarms,
    "unlike_catalogues": photos.unlike_catalogues,
    "tagging": catalogue.tagging,
    "scale": catalogue.scale,
    "store": catalogue.store,
    "serving": catalogue.serving,
    "pages": catalogue.pages,
    "similar": catalogue.similar,
    "similar_speed": catalogue.similar_speed,
}


def main() -> None:
    """Writes or checks every document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a document is out of date")
    check = parser.parse_args().check
    stale = [document for document in DOCUMENTS if document.read_text() != fill_tables(document.read_text())]
    for document in () if check else stale:
        document.write_text(fill_tables(document.read_text()))
    if check and stale:
        sys.exit(f"out of date: {', '.join(one.name for one in stale)}; run: make tables")


def fill_tables(text: str) -> str:
    """A document with each of its tables generated anew."""
    return TABLE_PATTERN.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    main()
