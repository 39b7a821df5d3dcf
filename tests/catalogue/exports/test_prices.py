from __future__ import annotations

import pytest

from clothier.catalogue.exports.prices import Price, check_codes, check_one_currency, read_prices
from clothier.catalogue.exports.products import Product
from clothier.errors import DataError


def read(*values: object) -> list[Price | None]:
    return read_prices([Product(f"S-{number}", [{"price": one}]) for number, one in enumerate(values)], "Price")


@pytest.mark.parametrize(
    ("value", "amount", "currency"),
    [
        ("20", "20", ""),
        ("19.90", "19.90", ""),
        ("19,90", "19.90", ""),
        (" 19,9 EUR ", "19.9", "EUR"),
        ("€19.90", "19.90", "EUR"),
        ("1.299,00 €", "1299.00", "EUR"),
        ("1,299.00", "1299.00", ""),
        ("1.299.000", "1299000", ""),
        ("1\N{NARROW NO-BREAK SPACE}299,50", "1299.50", ""),
        ("CHF 1'299.-", "1299", "CHF"),
        ("19,\N{EN DASH} €", "19", "EUR"),
        ("0,500", "0.500", ""),
        (".99", "0.99", ""),
        ("0007,5", "7.5", ""),
        (19.9, "19.9", ""),
        (1.299, "1.299", ""),
        (1299, "1299", ""),
        (1e-3, "0.001", ""),
    ],
)
def test_prices(value: object, amount: str, currency: str) -> None:
    assert read(value) == [Price(amount, currency)]
    assert read(None, value, "") == [None, Price(amount, currency), None]


@pytest.mark.parametrize(
    ("others", "amount"),
    [
        (["19,90"], "1.299"),
        (["19.90"], "1299"),
        (["2.499,00"], "1.299"),
        (["2,499.00"], "1299"),
        (["2,499,000"], "1299"),
        ([19.9], "1299"),
    ],
)
def test_the_other_prices_of_the_column_tell_what_a_separator_means(others: list[object], amount: str) -> None:
    assert read("1,299", *others)[0] == Price(amount, "")
    assert read(*others, "1,299")[-1] == Price(amount, "")


@pytest.mark.parametrize("others", [[], ["20"], ["2,499"], ["19,90", "19.90"], ["1 299"]])
def test_a_price_with_two_meanings_is_refused(others: list[object]) -> None:
    with pytest.raises(DataError, match=r"'Price' has '1,299' for 'S-0', which can be 1299 or 1\.299"):
        read("1,299", *others)


@pytest.mark.parametrize(
    "value",
    [
        *("ask", "-5", -5.0, "12-15", "19,90/pair", "1,29.00", "1.2.3", "19 90", ".", "5 %", float("nan"), True),
        *("1234 567", "19,90 100", "1.5 299", "UVP 19,90", "19.90 NET", "\N{FULLWIDTH DIGIT TWO}0"),
    ],
)
def test_what_is_no_price_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="for 'S-0', which is not a price"):
        read(value)


def test_currencies() -> None:
    check_one_currency("Price", read("1 EUR", "2", "3 €", None))
    with pytest.raises(DataError, match="prices in EUR and USD"):
        check_one_currency("Price", read("1 EUR", "USD 2"))
    check_codes("price", read("1 EUR", "USD 2", None))
    with pytest.raises(DataError, match=r"prices in '\$'.*such as 5 USD"):
        check_codes("price", read("1 EUR", "$5"))
