"""The tables of the catalogue: the speed of tagging and of searches, and what is found."""

from __future__ import annotations

import numpy as np

from benchmarks.tables.formatting import Row, load_results, machine, percent, table, with_command
from clothier.metrics import wilson_interval

MEASURED = ("what", "median", "lowest", "highest", "runs")


def tagging() -> str:
    """Photos a second, beside a plain loop and beside what decoding and network allow."""
    results = load_results("tagging")
    ratios = results["ratios"]
    note = (
        f"Medians of interleaved rounds on {machine(results)}. `clothier tag` takes {ratios['tagging/loop']:.2f} times "
        f"as many photos a second as the plain loop, and {ratios['tagging/bound']:.2f} of what decoding and network "
        "allow: 1 / (1 / decoding + 1 / network), each measured alone with both cores."
    )
    return _measured(results, note)


def serving() -> str:
    """Photos a second over HTTP, beside what decoding and network allow, and how long an answer takes."""
    results = load_results("serving")
    ratios = results["ratios"]
    note = (
        f"Medians of interleaved rounds on {machine(results)}; the client is a process on the same cores. With one "
        f"photo a request, `clothier serve` reaches {ratios['serving/bound']:.2f} of what decoding and network allow. "
        f"At 70 % of that load, the 99th percentile of the latency is {ratios['serving/p99']:.1f} times its median."
    )
    return _measured(results, note)


def scale() -> str:
    """Many photos: Ray beside the local engine, and memory by the size of the folder."""
    results = load_results("scale")
    ratios = results["ratios"]
    note = (
        f"Whole processes on {machine(results)}. Ray reaches {percent(ratios['tagging/ray'])} % of the local engine's "
        f"photos a second (interleaved rounds), and ten times as many photos take {ratios['memory/size']:.2f} times as "
        "much memory."
    )
    return _measured(results, note)


def store() -> str:
    """A store of a million items in both databases."""
    results = load_results("store")
    note = f"{results['rows'][0]['items']:,} items; {machine(results)}. PostgreSQL waits for the disk at each commit."
    return _measured(results, note)


def similar() -> str:
    """How often the photos that are found are of the same product, class and color."""
    results = load_results("similar")
    first = results["rows"][0]
    columns = [name for name in first if "@" in name]
    rows = [(row["name"], *(_with_interval(row, name) for name in columns)) for row in results["rows"]]
    known = dict.fromkeys(name.split("@")[0] for name in columns)
    counts = ", ".join(f"{first[name + '_n']} have another photo of their {name}" for name in known)
    note = (
        f"{first['n']} photos of the demo shops Bagisto, Saleor and Reaction Commerce, of which "
        f"{counts}, with 95 % intervals; {first['in_training']} of them are training photos of the model. "
        "The method was chosen on Bagisto's 52."
    )
    header = ("method", *(f"same {name.replace('@', ' among the first ')}, %" for name in columns))
    return table(header, "l" + "r" * len(columns), rows, with_command(note, results))


def similar_speed() -> str:
    """The time of a search, its recall, the time to make an index, and that to find copies where it was measured."""
    results = load_results("similar_speed")
    recall = [percent(row["accuracy"]) for row in results["rows"]]
    rows = [(*cells, one) for cells, one in zip(_cells(results), recall, strict=True)]
    compared, found = "Vectors", "the ten nearest"
    if any(row["name"].startswith("find copies") for row in results["rows"]):
        compared, found = "Vectors and hashes", "the ten nearest, or of the copies"
    note = f"{compared} of photos, repeated with random changes; {machine(results)}. Recall is that of {found}."
    return table((*MEASURED, "recall, %"), "lrrrrr", rows, with_command(note, results))


def pages() -> str:
    """Seconds until a page of the service can be used."""
    results = load_results("pages")
    return _measured(results, f"Chromium and the server on {machine(results)}.")


def _measured(results: Row, note: str) -> str:
    """The table of repeated measurements, with a note below."""
    return table(MEASURED, "lrrrr", _cells(results), with_command(note, results))


def _with_interval(row: Row, name: str) -> str:
    """A share in percent, and its 95 % interval."""
    n = row[f"{name.split('@')[0]}_n"]
    low, high = (float(end[0]) for end in wilson_interval(np.array([row[name]]), np.array([n])))
    return f"{100 * row[name]:.1f} ({100 * low:.0f} to {100 * high:.0f})"


def _cells(results: Row) -> list[tuple[object, ...]]:
    """Rows of repeated measurements: median, lowest and highest, in the unit of each."""
    return [
        (row["name"], *(f"{_number(row[one])} {row['unit']}" for one in ("median", "min", "max")), row["n"])
        for row in results["rows"]
    ]


def _number(value: float) -> str:
    """Three digits that count, and no power of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"
