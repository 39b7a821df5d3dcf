"""Mutated image files: each gives an image or a named error, in less than 2 seconds of CPU time and 1 GB of memory.

The files are drawn here, in all supported formats, and then changed: flipped bytes, cuts, repeated and foreign blocks,
lies in the header. Mutation number i is the same on every machine. ``make soak`` tries 10,000.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import struct
import sys
import tempfile
import time
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

from clothier import atomic, system
from clothier.data.photos import load_image
from clothier.errors import ImageError
from clothier.types import InputSpec
from tests.soak.attempts import peak_memory
from tests.soak.summary import summary_row

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "soak-photos.json"
SEED = 0
MAX_SECONDS = 2.0  # of CPU time
MAX_MEMORY = 1_000_000_000  # bytes of the process
HANG_SECONDS = 60.0  # of the clock, on a busy machine
INPUT = InputSpec("center_crop", 224, 224, 3)
CODES = {"empty", "not-an-image", "truncated", "too-large", "too-small", "unsupported", "needs-heic"}
EXTREMES = (0, 1, 7, 255, 256, 8000, 16_383, 65_535, 70_000, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: "image", the code of an error, or "hang", "crash" or the name of another exception."""

    file: str
    outcome: str
    seconds: float = 0.0
    memory: int = 0

    @property
    def is_good(self) -> bool:
        """An answer or a named error, within the limits."""
        known = self.outcome == "image" or self.outcome in CODES
        return known and self.seconds < MAX_SECONDS and self.memory < MAX_MEMORY


@cache
def originals() -> dict[str, bytes]:
    """Small images in all formats and modes, by name."""
    y, x = np.mgrid[:90, :120]
    color = Image.fromarray(np.stack([x * 2, y * 2, (x * y) % 256], axis=2).astype(np.uint8))
    gray, alpha = color.convert("L"), color.copy()
    alpha.putalpha(gray)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    frames = {"save_all": True, "append_images": [gray.convert("RGB")], "duration": 40}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    recipes: list[tuple[str, str, Image.Image, dict[str, Any]]] = [
        ("png-rgb", "PNG", color, {"icc_profile": profile, "exif": exif}),
        ("png-rgba", "PNG", alpha, {}),
        ("png-palette", "PNG", color.convert("P"), {"transparency": 0}),
        ("png-gray16", "PNG", deep, {}),
        ("png-animated", "PNG", color, frames),
        ("jpeg", "JPEG", color, {"icc_profile": profile, "exif": exif}),
        ("jpeg-gray", "JPEG", gray, {}),
        ("jpeg-progressive", "JPEG", color, {"progressive": True}),
        ("jpeg-restarts", "JPEG", color, {"restart_marker_blocks": 3}),
        ("jpeg-cmyk", "JPEG", color.convert("CMYK"), {}),
        ("webp", "WEBP", color, {"exif": exif}),
        ("webp-lossless", "WEBP", alpha, {"lossless": True}),
        ("webp-animated", "WEBP", color, frames),
        ("avif", "AVIF", color, {"exif": exif}),
        ("avif-alpha", "AVIF", alpha, {}),
        ("tiff", "TIFF", color, {}),
        ("tiff-gray16", "TIFF", deep, {}),
        ("tiff-bilevel", "TIFF", color.convert("1"), {"compression": "group4"}),
        ("tiff-lab", "TIFF", Image.merge("LAB", color.split()), {}),
        *((f"tiff-{name}", "TIFF", color, {"compression": name}) for name in ("tiff_lzw", "tiff_deflate", "jpeg")),
        ("bmp", "BMP", color, {}),
        ("bmp-alpha", "BMP", alpha, {}),
        ("bmp-palette", "BMP", color.convert("P"), {}),
        ("gif", "GIF", color, {}),
        ("gif-animated", "GIF", color, frames),
    ]
    found = {name: _encoded(kind, image, options) for name, kind, image, options in recipes}
    try:
        import pillow_heif
    except ImportError:
        return found
    pillow_heif.register_heif_opener()
    return {**found, "heic": _encoded("HEIF", color, {})}


def _encoded(kind: str, image: Image.Image, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mutate(number: int, seed: int = SEED) -> tuple[str, bytes]:
    """The name and the content of a mutated file."""
    rng = np.random.default_rng((seed, number))
    names = list(originals())
    name = names[number % len(names)]
    content = bytearray(originals()[name])
    applied = []
    for _ in range(rng.integers(1, 4)):
        mutation = MUTATIONS[rng.integers(len(MUTATIONS))]
        mutation(content, rng)
        applied.append(mutation.__name__.strip("_"))
    if name.startswith("png") and rng.random() < 0.7:  # else most lies end at a checksum
        _fix_checksums(content)
    return f"{number} {name}: {', '.join(applied)}", bytes(content)


def _flip_bytes(content: bytearray, rng: np.random.Generator) -> None:
    for at in rng.integers(0, max(1, len(content)), rng.integers(1, 20)):
        content[at : at + 1] = bytes([rng.integers(256)])


def _flip_header(content: bytearray, rng: np.random.Generator) -> None:
    for at in rng.integers(0, max(1, min(120, len(content))), rng.integers(1, 6)):
        content[at : at + 1] = bytes([rng.integers(256)])


def _cut(content: bytearray, rng: np.random.Generator) -> None:
    del content[int(rng.integers(0, len(content) + 1)) :]


def _remove_block(content: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(0, len(content) + 1))
    del content[at : at + int(rng.integers(1, 300))]


def _repeat_block(content: bytearray, rng: np.random.Generator) -> None:
    at, length = int(rng.integers(0, len(content) + 1)), int(rng.integers(1, 600))
    content[at:at] = bytes(content[at : at + length]) * int(rng.integers(1, 200))


def _insert_foreign_block(content: bytearray, rng: np.random.Generator) -> None:
    other = list(originals().values())[rng.integers(len(originals()))]
    at, start = int(rng.integers(0, len(content) + 1)), int(rng.integers(0, len(other)))
    content[at:at] = other[start : start + int(rng.integers(1, 400))]


def _lie(content: bytearray, rng: np.random.Generator) -> None:
    """An extreme number where sizes, counts and offsets stand."""
    value = EXTREMES[rng.integers(len(EXTREMES))]
    order = "<>"[rng.integers(2)]
    number = struct.pack(order + "I", value) if rng.random() < 0.5 else struct.pack(order + "H", value & 0xFFFF)
    at = int(rng.integers(0, max(1, min(400, len(content)))))
    if rng.random() < 0.3:
        at = max(0, len(content) - int(rng.integers(1, 400)))  # the tags of a TIFF
    content[at : at + len(number)] = number


def _resize(content: bytearray, rng: np.random.Generator) -> None:
    """A larger size in the header, found by the true one: 120 x 90."""
    sides = [int(value) for value in rng.choice([4000, 6000, 7999, 8000, 16_000, 65_535], 2)]
    for order in "<>":
        for form in "HI":
            for true, side in zip((120, 90), sides, strict=True):
                at = content.find(struct.pack(order + form, true), 0, 400)
                if at >= 0 and rng.random() < 0.7:
                    content[at : at + struct.calcsize(form)] = struct.pack(order + form, side)


MUTATIONS = (_flip_bytes, _flip_header, _cut, _remove_block, _repeat_block, _insert_foreign_block, _lie, _lie, _resize)


def _fix_checksums(content: bytearray) -> None:
    at = 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        if end + 4 > len(content):
            return
        content[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4)
        at = end + 4


def run(numbers: range, seed: int = SEED) -> list[Outcome]:
    """The outcomes of mutated files, decoded in another process that is started anew when it hangs or crashes."""
    outcomes: list[Outcome] = []
    context = multiprocessing.get_context("spawn")
    while len(outcomes) < len(numbers):
        here, there = context.Pipe()
        worker = context.Process(target=_work, args=(there, numbers[len(outcomes) :], seed), daemon=True)
        worker.start()
        there.close()
        try:
            while len(outcomes) < len(numbers) and here.poll(HANG_SECONDS):
                outcomes.append(here.recv())
            ended = "hang"
        except EOFError:
            ended = "crash"
        worker.kill()
        worker.join()
        if len(outcomes) < len(numbers):
            outcomes.append(Outcome(mutate(numbers[len(outcomes)], seed)[0], ended, HANG_SECONDS))
    return outcomes


def _work(connection: Connection, numbers: range, seed: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff writes to it on damaged files
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        for number in numbers:
            name, content = mutate(number, seed)
            path.write_bytes(content)
            connection.send(_try_file(name, path))


def _try_file(name: str, path: Path) -> Outcome:
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak of the memory
    start = time.process_time()
    try:
        load_image(path, INPUT)
        outcome = "image"
    except ImageError as error:
        outcome = error.code
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        outcome = repr(error)
    return Outcome(name, outcome, time.process_time() - start, peak_memory())


def summarize(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """A row for each format, and one for all."""
    rows = []
    formats = sorted({one.file.split()[1].strip(":") for one in outcomes})
    for name in ("all", *formats):
        own = [one for one in outcomes if name in {"all", one.file.split()[1].strip(":")}]
        rows.append(summary_row(name, own))
    return rows


def main() -> None:
    """Tries N files, saves the outcomes, and fails if one of them is not an answer or a named error."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.photos", description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    outcomes = run(range(options.n))
    bad = [f"{one.file}: {one.outcome}, {one.seconds:.1f} s, {one.memory} bytes" for one in outcomes if not one.is_good]
    result = {"benchmark": "soak-photos", "command": "make soak", "machine": system.system_info()}
    atomic.write_json(options.out, {**result, "rows": summarize(outcomes), "ratios": {}, "failures": bad})
    sys.stdout.writelines(f"{line}\n" for line in bad)
    sys.stdout.write(f"{len(outcomes) - len(bad)} of {len(outcomes)} are answered or refused by name.\n")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
