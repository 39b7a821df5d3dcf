"""The map as a page: every picture a point that can be looked at, in one file that opens from disk.

The page asks the network for nothing. Its script (``templates/map/``) draws on a plain canvas: without a graphics card
that is the quickest, against regl-scatterplot and bare regl on software WebGL, and there is no driver that can be
missing. d3-zoom does the pan, the pinch, the wheel and the flight (``vendor/``).
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from clothier.report.jinja_env import jinja_env
from clothier.report.map_data import MapContent, pack
from clothier.report.sprites import WEBP_QUALITY
from clothier.report.style import CATEGORY_COLORS, DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MapContent", "render_map"]

D3_MODULES = ("dispatch", "timer", "color", "ease", "selection", "interpolate", "drag", "transition", "zoom")
"""Parts of d3, each after those that it stands on."""

SCRIPTS = ("data", "pictures", "grid", "raster", "camera", "shown", "card", "search", "main")
"""Our own, in the order of reading; they share one module's scope."""


def render_map(content: MapContent) -> str:
    """The page of ``content``: pan, zoom, hover, search; the same text for the same content."""
    environment = jinja_env()
    data = pack(content)
    return environment.get_template("map.html.j2").render(
        content=content,
        n=len(content.labels),
        legend=_legend(content),
        scores=_accuracy_by_split(content),
        example=_example_query(content),
        thumbnails=_thumbnail_note(content.images.shape[1:], data["picture"]),
        data=data,
        libraries=_read_scripts("vendor/d3-zoom-3.0.1/d3-{}.min.js", D3_MODULES),
        trouble=_read_scripts("templates/map/{}.js", ("trouble",)),
        scripts=_read_scripts("templates/map/{}.js", SCRIPTS),
        light=LIGHT,
        dark=DARK,
    )


def _legend(content: MapContent) -> list[dict[str, Any]]:
    """Each class with its colour, which comes again after ten, and how many pictures it has."""
    counts = np.bincount(content.labels, minlength=len(content.classes))
    return [
        {"name": name, "colour": CATEGORY_COLORS[place % len(CATEGORY_COLORS)], "n": int(counts[place])}
        for place, name in enumerate(content.classes)
    ]


def _accuracy_by_split(content: MapContent) -> list[dict[str, Any]]:
    """How many of each part the model named right."""
    if content.predictions is None:
        return []
    right, part_of = content.predictions == content.labels, content.split_indices()
    return [
        {"part": name, "n": n, "right": int(right[part_of == place].sum())}
        for place, (name, n) in enumerate(content.splits.items())
        if n
    ]


def _example_query(content: MapContent) -> str:
    """The name of the last picture, as a reader types it: ``test 9999``."""
    part, n = [(name, n) for name, n in content.splits.items() if n][-1]
    return f"{part} {n - 1}"


def _thumbnail_note(image_shape: tuple[int, ...], thumbnail: Mapping[str, int]) -> str:
    """What was lost on the way of the pictures into the page."""
    height, width = thumbnail["height"], thumbnail["width"]
    size = "their own size" if image_shape == (height, width) else f"reduced from {image_shape[1]} x {image_shape[0]}"
    return (
        f"The pictures have {width} x {height} pixels ({size}) and are compressed with loss (WebP, quality "
        f"{WEBP_QUALITY} of 100); on a light screen they are shown dark on light."
    )


def _read_scripts(pattern: str, names: tuple[str, ...]) -> Markup:
    """Scripts as they lie in the package, one after the other."""
    folder = files("clothier.report")
    texts = (folder.joinpath(pattern.format(name)).read_text(encoding="utf-8") for name in names)
    return Markup("\n").join(map(Markup, texts))
