"""Finds the photo that a cell of a CSV names, also by another spelling where that is unambiguous."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clothier.paths import is_url
from clothier.taxonomy import label_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IMAGES_DIR = "images"  # a folder beside the CSV that is searched too
PHOTO_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
"""Of image files, in lower case; may be missing in a table."""


@dataclass(slots=True)
class PhotoFinder:
    """Finds photos beside a CSV and in ``images/`` beside it; a name that begins with / is searched from there.

    Attributes:
        folder: of the CSV.
        respelled: names that were found under another spelling: backslashes, letter case, Unicode form, no suffix.
    """

    folder: Path
    respelled: dict[str, Path] = field(default_factory=dict)
    _names: dict[Path, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    def find(self, name: str) -> list[Path]:
        """The existing file; none if there is none, several if a spelling is ambiguous."""
        if not name or "\0" in name or is_url(name):
            return []
        roots = (self.folder, self.folder / IMAGES_DIR)
        local = os.fsdecode(name.encode("utf-8", "surrogateescape"))  # the same bytes, in a locale without UTF-8 too
        if exact := next((path for root in roots if _exists(path := root / local)), None):
            return [exact]
        found = list(dict.fromkeys(path for root in roots for path in self._other_spellings(root, local)))
        if len(found) == 1:
            self.respelled[name] = found[0]
        return found

    def warnings(self, csv: Path) -> list[str]:
        """One sentence on the names that were found under another spelling."""
        if not self.respelled:
            return []
        name, path = next(iter(self.respelled.items()))
        return [f"{len(self.respelled)} files of {csv} were found under another spelling, such as {name} as {path}."]

    def _other_spellings(self, root: Path, name: str) -> list[Path]:
        """The paths below ``root`` that are ``name`` but for their spelling."""
        *folders, file = name.replace("\\", "/").split("/")
        paths = [Path("/") if name.startswith("/") else root]
        for part in folders:
            if part not in ("", "."):
                paths = [path / one for path in paths for one in self._spelled(path, part)]
        return [path / one for path in paths for one in self._spelled(path, file) or self._with_suffix(path, file)]

    def _spelled(self, folder: Path, name: str) -> Sequence[str]:
        if name == ".." or _exists(folder / name):
            return [name]
        return [one for one in self._list(folder).get(label_key(name), []) if _exists(folder / one)]

    def _with_suffix(self, folder: Path, name: str) -> list[str]:
        if Path(name).suffix.lower() in PHOTO_SUFFIXES:
            return []
        return [one for suffix in sorted(PHOTO_SUFFIXES) for one in self._spelled(folder, name + suffix)]

    def _list(self, folder: Path) -> Mapping[str, Sequence[str]]:
        """The names in a folder by how they are compared."""
        if folder not in self._names:
            names = defaultdict(list)
            with suppress(OSError):  # no such folder, or no permission
                for name in sorted(path.name for path in folder.iterdir()):
                    names[label_key(name)].append(name)
            self._names[folder] = names
        return self._names[folder]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # name too long, or no permission
        return False
