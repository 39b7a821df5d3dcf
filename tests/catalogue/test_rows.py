from __future__ import annotations

import pytest

from clothier.catalogue.rows import OUR_COLUMNS, output_columns
from clothier.errors import UnknownNameError, UsageError

ROW = {
    "item_id": "A1",
    "file": "a.jpg",
    "class": "hat",
    "probability": 0.7,
    "top": [["hat", 0.7], ["dress", 0.3]],
    "colors": [{"name": "red", "hex": "#c01020", "share": 0.8}, {"name": "white", "hex": "#eeeeee", "share": 0.2}],
    "columns": {"price": "12", "class": "headwear"},
}
RANKED = ("class_2", "probability_2", "class_3", "probability_3")


def test_ours_then_the_users() -> None:
    columns = output_columns({"price": str}, without=frozenset())
    assert [one.name for one in columns] == [*(one.name for one in OUR_COLUMNS), "price"]
    assert columns[-1].value(ROW) == "12"


def test_the_next_classes_are_empty_where_there_are_none() -> None:
    values = {one.name: one.value(ROW) for one in OUR_COLUMNS if one.name in RANKED}
    assert values == dict(zip(RANKED, ("dress", 0.3, None, None), strict=True))
    assert output_columns({}, "class_2")[0].value({**ROW, "top": None}) is None


@pytest.mark.parametrize("colors", [None, []])
def test_colors(colors: list[object] | None) -> None:
    names = ("color", "color_hex", "color_share", "color_2", "color_3")
    columns = output_columns({}, ",".join(names))
    assert [one.value(ROW) for one in columns] == ["red", "#c01020", 0.8, "white", None]
    assert [one.value({**ROW, "colors": colors}) for one in columns] == [None] * 5


def test_columns_are_chosen_renamed_and_ordered() -> None:
    columns = output_columns({"price": str, "class": str}, "price, class=category,input.class=old")
    assert [(one.name, one.value(ROW)) for one in columns] == [
        ("price", "12"),
        ("category", "hat"),
        ("old", "headwear"),
    ]


@pytest.mark.parametrize("chosen", [None, "class,input.class", "file,price=file"])
def test_two_columns_of_one_name(chosen: str | None) -> None:
    with pytest.raises(UsageError, match=r"two columns '(class|file)'.*--columns"):
        output_columns({"price": str, "class": str}, chosen)


def test_an_unknown_column() -> None:
    with pytest.raises(UnknownNameError, match="'prise' is not a column; did you mean 'price'"):
        output_columns({"price": str}, "prise")
    with pytest.raises(UnknownNameError, match="'' is not a column"):
        output_columns({}, "")
