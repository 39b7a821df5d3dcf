"""An embedding map as an interactive page: one file that opens from disk and makes no network requests.

Its script (``templates/map/``) draws on a 2D canvas. Without a GPU this was faster than regl-scatterplot and regl on
software WebGL, and it needs no graphics driver. d3-zoom handles pan, pinch, wheel and animation (``vendor/``).
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from clothier.report.map_data import WEBP_QUALITY, MapContent, pack
from clothier.report.page import jinja_env
from clothier.report.style import class_color

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MapContent", "render_map"]

D3_MODULES = ("dispatch", "timer", "color", "ease", "selection", "interpolate", "drag", "transition", "zoom")
"""Modules of d3, each after those that it imports."""

SCRIPTS = ("data", "thumbnails", "grid", "raster", "camera", "filter", "card", "search", "labels", "main")
"""Our own, in execution order; they share one module's scope."""


def render_map(content: MapContent) -> str:
    """The page of ``content`` with pan, zoom, hover, search and filter; the same text for the same content."""
    data = pack(content)
    return (
        jinja_env()
        .get_template("map.html.j2")
        .render(
            content=content,
            n=len(content.labels),
            legend=_legend(content),
            accuracies=_accuracy_by_split(content),
            example=_example_query(content),
            thumbnail_note=_thumbnail_note(content.images.shape[1:], data["thumbnail"]),
            data=data,
            libraries=_read_scripts("vendor/d3-zoom-3.0.1/d3-{}.min.js", D3_MODULES),
            error_banner=_read_scripts("templates/map/{}.js", ("error_banner",)),
            scripts=_read_scripts("templates/map/{}.js", SCRIPTS),
        )
    )


def _legend(content: MapContent) -> list[dict[str, Any]]:
    """Name and color of each class."""
    return [{"name": name, "color": class_color(label)} for label, name in enumerate(content.classes)]


def _accuracy_by_split(content: MapContent) -> list[dict[str, Any]]:
    """Number of images and of correct predictions in each split."""
    predictions = content.predictions
    if predictions is None:
        return []
    bounds = np.cumsum(list(content.splits.values()))[:-1]
    parts = np.split(predictions == content.labels, bounds)
    counts = zip(content.splits.items(), parts, strict=True)
    return [{"name": name, "n": n, "correct": int(correct.sum())} for (name, n), correct in counts if n]


def _example_query(content: MapContent) -> str:
    """A search query for the last image: ``test 9999``."""
    split, n = [(name, n) for name, n in content.splits.items() if n][-1]
    return f"{split} {n - 1}"


def _thumbnail_note(image_shape: tuple[int, ...], thumbnail: Mapping[str, int]) -> str:
    """Size and compression of the thumbnails."""
    height, width = thumbnail["height"], thumbnail["width"]
    size = "original size" if image_shape == (height, width) else f"reduced from {image_shape[1]} x {image_shape[0]}"
    return (
        f"The images have {width} x {height} pixels ({size}), with lossy compression (WebP, quality {WEBP_QUALITY} of "
        "100). In light mode they are shown dark on light."
    )


def _read_scripts(pattern: str, names: tuple[str, ...]) -> Markup:
    """Scripts of the package, concatenated."""
    folder = files("clothier.report")
    texts = (folder.joinpath(pattern.format(name)).read_text(encoding="utf-8") for name in names)
    return Markup("\n").join(map(Markup, texts))
