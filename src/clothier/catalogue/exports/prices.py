"""Prices of a user's table as shops import them: digits, and a period before the decimals.

Tables have ``19,90``, ``1.299,00 €`` or ``CHF 1'299.-``. One separator before three digits, as in ``1,299``, has two
meanings; the other prices of the column tell which one it is, or it is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clothier.errors import DataError
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clothier.catalogue.exports.products import Product

SEPARATORS = ".,"
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
GROUPED = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:['\N{{RIGHT SINGLE QUOTATION MARK}}{SPACES}]\d{{3}})+(?!\d)", re.ASCII)
NO_DECIMALS = re.compile(r"(?<=\d)[.,][-\N{EN DASH}\N{EM DASH}]{1,2}(?=\D*$)", re.ASCII)  # 19.-
PRICE = re.compile(r"(?P<before>[^\d.,]*)(?P<number>[\d.,]+)(?P<after>[^\d.,]*)", re.ASCII)
CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND
VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(CODES.split())
"""Codes of ISO 4217 that have coins or notes; ``UVP 19,90`` and ``RRP 19.90`` have none."""
SYMBOLS = {"€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₩": "KRW", "₪": "ILS", "₴": "UAH", "zł": "PLN", "Kč": "CZK"}
"""Signs of one currency each; ``$``, ``¥`` and ``kr`` are signs of several."""
SHARED_SYMBOLS = ("$", "¥", "kr", "kr.", "Fr", "Fr.")
THOUSANDS = 3  # digits after a separator that may also be one of thousands
MAX_SHOWN = 40  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class Price:
    """A price.

    Attributes:
        amount: digits, with a period before the decimals.
        currency: its ISO 4217 code, or a sign of several currencies; "" if the table has none.
    """

    amount: str
    currency: str


def read_prices(products: Sequence[Product], column: str) -> list[Price | None]:
    """The prices that the user's table has in a column of this name; None where it has none.

    Raises:
        DataError: a value is no price, or has two meanings.
    """
    parts = [_split(column, one) if one.given(column).strip() else None for one in products]
    decimals = {one.decimal_mark for one in parts if one} - {None}
    thousands = {one.thousands_mark for one in parts if one} - {None}
    return [
        Price(_amount(column, product.name, one, decimals, thousands), one.currency) if one else None
        for product, one in zip(products, parts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Parts:
    """A price before it is known what its separators mean; ``is_exact`` if the table has it as a number."""

    text: str
    number: str
    currency: str
    is_exact: bool

    @property
    def marks(self) -> str:
        """Its separators."""
        return "".join(one for one in self.number if one in SEPARATORS)

    @property
    def is_ambiguous(self) -> bool:
        """Whether its only separator may be one of decimals or of thousands."""
        if self.is_exact or len(self.marks) != 1:
            return False
        first, last = self.number.split(self.marks)
        return len(last) == THOUSANDS and 0 < len(first) <= THOUSANDS and not first.startswith("0")

    @property
    def decimal_mark(self) -> str | None:
        """The separator that is certainly before decimals."""
        is_last = len(self.marks) == 1 or len(set(self.marks)) > 1
        return self.marks[-1] if is_last and not self.is_ambiguous else None

    @property
    def thousands_mark(self) -> str | None:
        """The separator that certainly is one of thousands."""
        return self.marks[0] if len(self.marks) > 1 else None


def _split(column: str, product: Product) -> _Parts:
    value = product.given_value(column)
    text = format(Decimal(str(value)), "f") if _is_number(value) else str(value).strip()
    plain = GROUPED.sub(lambda found: re.sub(r"\D", "", found[0]), NO_DECIMALS.sub("", text))
    found = PRICE.fullmatch(plain)
    currency = _currency(found["before"], found["after"]) if found else None
    if found is None or currency is None or not _is_well_formed(found["number"]):
        raise DataError(
            f"the column {column!r} has {printable(text)[:MAX_SHOWN]!r} for {product.name!r}, which is not a price. "
            "Write a number, such as 19.90 or 19.90 EUR."
        )
    return _Parts(text, found["number"], currency, is_exact=_is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _currency(before: str, after: str) -> str | None:
    """The currency that stands before or after a number; None if it is none."""
    words = [one for part in (before, after) if (one := part.strip(SPACES))]
    if not words:
        return ""
    if len(words) > 1 or not (words[0] in SYMBOLS or words[0] in SHARED_SYMBOLS or words[0] in CURRENCIES):
        return None
    return SYMBOLS.get(words[0], words[0])


def _is_well_formed(number: str) -> bool:
    """Whether its separators can be those of decimals and thousands."""
    marks = [one for one in number if one in SEPARATORS]
    if len(marks) <= 1:
        return number[-1].isdigit()
    has_decimals = marks[-1] != marks[0]
    grouped = rf"\d{{1,3}}(\{marks[0]}\d{{3}})+" + (rf"\{marks[-1]}\d+" if has_decimals else "")
    return re.fullmatch(grouped, number) is not None


def _amount(column: str, product: str, parts: _Parts, decimals: set[str | None], thousands: set[str | None]) -> str:
    mark = parts.decimal_mark
    if parts.is_ambiguous:
        (other,) = set(SEPARATORS) - {parts.marks}
        is_decimal = parts.marks in decimals or other in thousands
        is_thousands = parts.marks in thousands or other in decimals
        if is_decimal == is_thousands:
            raise DataError(_two_meanings(column, product, parts))
        mark = parts.marks if is_decimal else None
    whole, _, fraction = parts.number.rpartition(mark) if mark else (parts.number, "", "")
    digits = re.sub(r"\D", "", whole).lstrip("0") or "0"
    return f"{digits}.{fraction}" if fraction else digits


def _two_meanings(column: str, product: str, parts: _Parts) -> str:
    first, last = parts.number.split(parts.marks)
    return (
        f"the column {column!r} has {printable(parts.text)[:MAX_SHOWN]!r} for {product!r}, which can be {first}{last} "
        f"or {first}.{last}, and the other prices do not tell. Write it with two decimals, such as {first}{last}.00."
    )


def check_one_currency(column: str, prices: Iterable[Price | None]) -> None:
    """Checks that prices mean the same without their currency.

    Raises:
        DataError: they have different currencies.
    """
    if len(found := sorted({one.currency for one in prices if one and one.currency})) > 1:
        raise DataError(
            f"the column {column!r} has prices in {' and '.join(found)}, but a shop imports all in its own currency. "
            "Convert them, or export them apart."
        )


def check_codes(column: str, prices: Iterable[Price | None]) -> None:
    """Checks that no price has a sign of several currencies.

    Raises:
        DataError: one has.
    """
    if found := next((one for one in prices if one and one.currency in SHARED_SYMBOLS), None):
        raise DataError(
            f"the column {column!r} has prices in {found.currency!r}, a sign of several currencies. Write the code, "
            f"such as {found.amount} USD."
        )
