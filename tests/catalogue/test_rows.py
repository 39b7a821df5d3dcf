from __future__ import annotations

import shlex

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


@pytest.mark.parametrize("chosen", ["class,input.class", "file,price=file", "*,price=color"])
def test_two_columns_of_one_name(chosen: str) -> None:
    with pytest.raises(UsageError, match=r"two columns '(class|file|color)'.*--columns"):
        output_columns({"price": str, "class": str}, chosen)


def test_a_star_is_all_columns_that_are_not_named() -> None:
    columns = output_columns({"price": str, "sku": str}, "input.sku=article, *,file=photo", without=frozenset())
    others = [one.name for one in OUR_COLUMNS if one.name != "file"]
    assert [one.name for one in columns] == ["article", *others, "price", "photo"]


def test_the_message_about_a_clash_has_an_option_that_solves_it() -> None:
    table = {"price": str, "class": str, "color": str, "input_color": str}
    with pytest.raises(UsageError, match="two columns 'class', 'color': Clothier's and the table's") as error:
        output_columns(table)
    *_, option, value = shlex.split(str(error.value).replace("'class', 'color'", "").replace("'s", ""))
    assert (option, value) == ("--columns", "*,input.class=input_class,input.color=input_color_2")
    columns = output_columns(table, value)
    ours = [one.name for one in OUR_COLUMNS if not one.name.startswith("product_")]
    assert [one.name for one in columns] == [*ours, "price", "input_color", "input_class", "input_color_2"]
    assert columns[-2].value(ROW) == "headwear"


def test_an_unknown_column() -> None:
    with pytest.raises(UnknownNameError, match="'prise' is not a column; did you mean 'price'"):
        output_columns({"price": str}, "prise")
    with pytest.raises(UnknownNameError, match="'' is not a column"):
        output_columns({}, "")
