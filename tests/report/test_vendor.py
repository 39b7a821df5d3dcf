"""Vendored files are the published ones, with their licenses."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest

from clothier.report.map_page import D3_MODULES

FOLDER = files("clothier.report").joinpath("vendor/d3-zoom-3.0.1")

PUBLISHED = {
    "dispatch": ("3.0.2", "5afe071dad74c14cd580f540c9ec85b0755eed78b7f9ed3e9f63b989fc41aa4b"),
    "timer": ("3.0.2", "f6b80ed73b21d01658db60d1c04adb88adc70f885346ae07d59ed69ba0348849"),
    "color": ("3.1.1", "41ebabc615acf63e5af87a1d565f16c3ce73f00c1394772a624780f7c6c7244b"),
    "ease": ("3.0.2", "1c6cf6a8e676624967a8d193ccea2cca605b63d33d922b2e11205e4b331ec478"),
    "selection": ("3.0.1", "1dcd563b613b841dbe5a536df5289b0ac64c233a21bc1e954651cbe2a4809877"),
    "interpolate": ("3.0.2", "09b66887d084b49bf14c93867522e366ce846bee53b9f632c1c3a5e2b00f891a"),
    "drag": ("3.0.1", "da7f489ebae8418e53759d2df5e9327eb9bedcdb4aa93feb065beda31f085232"),
    "transition": ("3.0.2", "85f3b76042e41fa517fb03e931d62ea5c7066a435d55ac605288cc6675f2a250"),
    "zoom": ("3.0.1", "5fcc9d4b4c14da3de574a0638c938ccfb8771a97e1b666be2d327170e7cdbdc3"),
}
"""Part of d3 to its version and the SHA-256 of its published build."""


@pytest.mark.parametrize("part", D3_MODULES)
def test_a_vendored_file_is_the_published_one(part: str) -> None:
    content = FOLDER.joinpath(f"d3-{part}.min.js").read_bytes()
    version, digest = PUBLISHED[part]
    assert hashlib.sha256(content).hexdigest() == digest
    assert content.startswith(f"// https://d3js.org/d3-{part}/ v{version} Copyright".encode())


def test_the_folder_has_these_modules_only() -> None:
    scripts = {file.name for file in FOLDER.iterdir() if file.name.endswith(".js")}
    assert scripts == {f"d3-{part}.min.js" for part in D3_MODULES}


def test_the_licenses_are_included() -> None:
    assert "Permission to use, copy, modify, and/or distribute" in FOLDER.joinpath("LICENSE").read_text()
    assert "Redistribution and use in source and binary forms" in FOLDER.joinpath("LICENSE.d3-ease").read_text()
