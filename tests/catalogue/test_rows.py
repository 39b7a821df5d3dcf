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
    "columns": {"price": "12", "class": "headwear"},
}


def test_ours_then_the_users() -> None:
    columns = output_columns({"price": str}, has_products=True)
    assert [one.name for one in columns] == [*(one.name for one in OUR_COLUMNS), "price"]
    assert columns[-1].value(ROW) == "12"


def test_the_next_classes_are_empty_where_there_are_none() -> None:
    values = {one.name: one.value(ROW) for one in OUR_COLUMNS if one.name[-1] in "23"}
    assert values == {"class_2": "dress", "probability_2": 0.3, "class_3": None, "probability_3": None}
    assert output_columns({}, "class_2")[0].value({**ROW, "top": None}) is None


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
