"""The columns of a table of photos. Without further imports, because every command line loads it."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_GROUP_COLUMN = "sender_id"


@dataclass(frozen=True, slots=True)
class Columns:
    """The column names of a CSV.

    Attributes:
        file: the photo's name or path.
        label: its class; empty for none of the classes.
        group: what related photos have in common, such as the photographer. The default column is optional.
        subclass: a subclass of some labels, such as boot for shoes; optional.
        product: the product that photos show, whose photos vote on its class; None if they do not.
    """

    file: str = "file"
    label: str = "label"
    group: str = DEFAULT_GROUP_COLUMN
    subclass: str = "footwear"
    product: str | None = None

    @property
    def options(self) -> list[str]:
        """The words of a command line that name these columns; none for the defaults."""
        usual = Columns()
        given = {name: getattr(self, name) for name in ("file", "label", "group", "product")}
        changed = {name: column for name, column in given.items() if column != getattr(usual, name)}
        return [word for name, column in changed.items() for word in (f"--{name}-column", column)]

    @property
    def named(self) -> list[str]:
        """The columns that are not the defaults, in quotes."""
        return [repr(column) for column in self.options[1::2]]

    @property
    def group_name(self) -> str:
        """What a group is, in words: ``photographer`` for the default column, otherwise the column's name."""
        return "photographer" if self.group == DEFAULT_GROUP_COLUMN else self.group
