"""``clothier export``: tags in the format of another program."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.catalogue.exports.categories import category_of
from clothier.catalogue.exports.label_studio import labeling_config, write_tasks
from clothier.catalogue.exports.products import SKU, group_products
from clothier.catalogue.exports.products import image_url as address_of
from clothier.catalogue.exports.shops import GOOGLE_PRICES, MAX_GOOGLE_ID, SHOPIFY_PRICES, write_google, write_shopify
from clothier.catalogue.exports.tags import NO_CLASS, StoreTags, TableTags, is_final, state
from clothier.catalogue.rows import OutputColumn, choose_columns
from clothier.catalogue.sources import check_is_no_source
from clothier.catalogue.tables import CSV_SUFFIX, write_table
from clothier.errors import UnknownNameError, UsageError
from clothier.paths import check_not_source
from clothier.store import open_store
from clothier.store.engine import is_store
from clothier.store.store import REPLACED
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clothier.catalogue.exports.products import Product
    from clothier.catalogue.exports.tags import Tags
    from clothier.store.store import Row

FORMATS = ("csv", "shopify", "google", "label-studio")
ONLY_CSV = "columns are chosen for the format csv only; {} has columns of its own. Leave out --columns."
ONLY_SHOPIFY = "a column of SKUs is for the format shopify only, not for {}. Leave out --sku-column."
PRODUCTS_OF_STORE = "a store knows its products. Leave out --product-column."
NO_IMAGES = "the images have no address, so their column is empty. Say where they are: --image-url https://..."
MIXED = "{n:,} products have photos of different classes; the class of most photos was taken, for example for {name!r}."
VALUES_DIFFER = (
    "{n:,} products have photos with different values in {column!r}; that of the first photo was taken, for example "
    "for {name!r}."
)
NO_SKU = "{n:,} products have no SKU, for example {name!r}."
NAME_SKU = " Name its column: --sku-column NAME, or --sku-column item_id for your id of the first photo."
LONG_IDS = "{n:,} products are left out: their id has more than {limit} characters, for example {name!r}."
NO_CURRENCY = "{n:,} products have a price without a currency, which Google needs. Write prices such as 19.90 EUR."
UNKNOWN_CLASSES = "no category is known for {names}; their column is empty."
CONFIG_SUFFIX = ".xml"  # of the labeling configuration of Label Studio
CONFIG_BESIDE = "the labeling configuration is written beside the tasks, and would replace {}. Name the tasks {}."
COPIES = (
    "{n:,} photos are in another source of the store, too, and are exported once: as your product or under your id, or "
    "else from the source that was tagged last. Left out, for example: {file} of {source}."
)
ID_TAKEN = (
    "{file} is left out: another source has another photo with its id {item_id!r}, and was tagged later. Give each "
    "photo an id of its own, or remove the source that is outdated: clothier sources --store STORE --remove SOURCE"
)
LEFT_OUT = "left out: {}. {} includes them."


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported.

    Attributes:
        output: the file.
        format: one of :data:`FORMATS`.
        n_tags: photos whose tags are in it.
        n_rows: products, or tags where the format knows no products.
        left_out: photos that are not in it, by why: ``review``, ``reject``, ``uncalibrated``, ``no class`` (a
            person said so), ``long id`` (for Google), ``copy`` (another source has the same photo), ``replaced``
            (another photo has its id now) or ``failed``.
        warnings: one sentence each.
        conflicts: photos that are in different products of several sources, so that a shop gets them more than once;
            and those whose id another photo has now.
    """

    output: Path
    format: str
    n_tags: int
    n_rows: int
    left_out: dict[str, int]
    warnings: tuple[str, ...]
    conflicts: tuple[FailedInput, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "output": str(self.output),
            "format": self.format,
            "tags": self.n_tags,
            "rows": self.n_rows,
            "left_out": self.left_out,
            "warnings": list(self.warnings),
            "conflicts": [one.to_json() for one in self.conflicts],
        }


def export(
    source: str | Path,
    output: str | Path,
    *,
    format: str = "csv",  # noqa: A002 - the option's name
    columns: str | None = None,
    product_column: str | None = None,
    sku_column: str | None = None,
    image_url: str | None = None,
    include_all: bool = False,
) -> ExportResult:
    """Writes tags in the format of another program.

    Only accepted tags and those that a person has reviewed are written, but for Label Studio, where people review.

    Args:
        source: a store, or a table that ``clothier.tag`` wrote.
        output: the file to write.
        format: ``csv``, ``shopify`` (product CSV), ``google`` (text feed for Merchant Center) or ``label-studio``
            (tasks with predictions; the labeling configuration is written beside them, as ``.xml``).
        columns: of a CSV, chosen and renamed as ``clothier.tag`` takes them; None for all.
        product_column: of a table, with what photos of one product have in common.
        sku_column: with the SKU of each product, for Shopify; None for ``SKU``, or else your ids of photos without a
            product.
        image_url: the address of the folder of photos.
        include_all: whether tags that nobody accepted are written as well.

    Raises:
        UsageError: an unknown format or column, or options that do not go together.
        DataError: the source is missing, damaged or without tags, or has a price for a shop that cannot be read.
        StorageError: the output cannot be written; an older one is unchanged.
    """
    target = Path(output)
    _check(source, target, format, columns, product_column)
    if sku_column is not None and format != "shopify":
        raise UsageError(ONLY_SHOPIFY.format(format))
    with _open_tags(source, product_column, target) as tags:
        if sku_column is not None and sku_column not in tags.headings:
            raise UnknownNameError(sku_column, "column", tags.headings)
        return _Export(tags, target, format, columns, image_url, include_all, sku_column).write()


def export_tags(
    tags: Tags,
    output: Path,
    format: str,  # noqa: A002 - the option's name
    *,
    columns: str | None = None,
    image_url: str | None = None,
    include_all: bool = False,
) -> ExportResult:
    """As :func:`export`, for tags that are open already."""
    return _Export(tags, output, format, columns, image_url, include_all).write()


def _check(source: str | Path, output: Path, name: str, columns: str | None, product_column: str | None) -> None:
    if name not in FORMATS:
        raise UnknownNameError(name, "format", FORMATS)
    if columns is not None and name != "csv":
        raise UsageError(ONLY_CSV.format(name))
    check_not_source(source, output)
    if name == "label-studio":
        if output.suffix.lower() == CONFIG_SUFFIX:
            raise UsageError(CONFIG_BESIDE.format(output, output.with_suffix(".json")))
        check_not_source(source, output.with_suffix(CONFIG_SUFFIX))
    if product_column is not None and is_store(source):
        raise UsageError(PRODUCTS_OF_STORE)
    atomic.check_writable(output)


@contextmanager
def _open_tags(source: str | Path, product_column: str | None, output: Path) -> Iterator[Tags]:
    if is_store(source):
        with open_store(source) as store:
            check_is_no_source(store, output)
            yield StoreTags(store)
    else:
        yield TableTags(Path(source), product_column)


class _Export:
    def __init__(
        self,
        tags: Tags,
        output: Path,
        name: str,
        columns: str | None,
        image_url: str | None,
        include_all: bool,
        sku_column: str | None = None,
    ) -> None:
        self._tags, self._output, self._format, self._columns = tags, output, name, columns
        self._image_url, self._sku_column = image_url, sku_column
        self._include_all = include_all or name == "label-studio"
        self._left_out: Counter[str] = Counter()
        self._warnings: list[str] = []
        self._conflicts: list[FailedInput] = []
        self._n_tags = 0

    def write(self) -> ExportResult:
        n_rows = self._write_products() if self._format in ("shopify", "google") else self._write_tags()
        left_out, warnings = dict(sorted(self._left_out.items())), tuple(self._all_warnings())
        conflicts = (*self._tags.copies.conflicts, *self._conflicts)
        return ExportResult(self._output, self._format, self._n_tags, n_rows, left_out, warnings, conflicts)

    def _rows(self) -> Iterator[Row]:
        """Those that are exported; the others are counted."""
        for row in self._tags:
            if is_final(row) or (self._include_all and row["class"] is not None):
                self._n_tags += 1
                yield row
            else:
                self._leave_out(row)

    def _leave_out(self, row: Row) -> None:
        why = state(row)
        self._left_out[why] += 1
        if why == REPLACED:
            message = ID_TAKEN.format(file=row["file"], item_id=row["item_id"])
            self._conflicts.append(FailedInput(row["file"], "duplicate", message))

    def _write_tags(self) -> int:
        if self._format == "csv":
            known = {name: OutputColumn(name, str, _value(name)) for name in self._tags.headings}
            write_table(self._output, choose_columns(known, self._columns), self._rows(), CSV_SUFFIX)
            return self._n_tags
        with atomic.atomic_open(self._output) as file:
            classes = write_tasks(file, self._rows(), self._image_url)
        atomic.write_text(self._output.with_suffix(CONFIG_SUFFIX), labeling_config(sorted(classes)))
        return self._n_tags

    def _leave_out_copies(self) -> None:
        self._tags = self._tags.without_copies()
        if n := len(self._tags.copies.left_out):
            file, source = self._tags.copies.example
            self._left_out["copy"] = n
            self._warnings.append(COPIES.format(n=n, file=file, source=source))

    def _write_products(self) -> int:
        self._leave_out_copies()
        products = group_products(self._rows())
        if self._format == "google" and (long := [one for one in products if len(one.name) > MAX_GOOGLE_ID]):
            self._warnings.append(LONG_IDS.format(n=len(long), limit=MAX_GOOGLE_ID, name=long[0].name))
            products = [one for one in products if len(one.name) <= MAX_GOOGLE_ID]
            self._n_tags -= sum(len(one.photos) for one in long)
            self._left_out["long id"] += sum(len(one.photos) for one in long)
        self._warn_of(products)
        with atomic.atomic_open(self._output) as file:
            if self._format == "shopify":
                write_shopify(file, products, self._image_url, self._sku_column)
            elif n := write_google(file, products, self._image_url):
                self._warnings.append(NO_CURRENCY.format(n=n))
        return len(products)

    def _warn_of(self, products: Sequence[Product]) -> None:
        if mixed := [one for one in products if one.is_mixed]:
            self._warnings.append(MIXED.format(n=len(mixed), name=mixed[0].name))
        shopify = (*SHOPIFY_PRICES, self._sku_column or SKU)
        for column in shopify if self._format == "shopify" else GOOGLE_PRICES:
            if found := [one for one in products if one.differs_in(column)]:
                self._warnings.append(VALUES_DIFFER.format(n=len(found), column=column, name=found[0].name))
        if self._format == "shopify":
            self._warn_of_skus(products)
        if unknown := sorted({one.class_name for one in products if category_of(one.class_name) is None}):
            self._warnings.append(UNKNOWN_CLASSES.format(names=", ".join(unknown)))
        if products and not address_of(products[0].photos[0]["file"], self._image_url):
            self._warnings.append(NO_IMAGES)

    def _warn_of_skus(self, products: Sequence[Product]) -> None:
        """Says which products have none although the user's photos have ids."""
        if missing := [one for one in products if one.has_own_ids and not one.sku(self._sku_column)]:
            text = NO_SKU.format(n=len(missing), name=missing[0].name)
            self._warnings.append(text + NAME_SKU if self._sku_column is None else text)

    def _all_warnings(self) -> Iterator[str]:
        yield from self._warnings
        undecided = {
            name: n for name, n in sorted(self._left_out.items()) if name in ("review", "reject", "uncalibrated")
        }
        if undecided:
            counts = ", ".join(f"{n:,} {name}" for name, n in undecided.items())
            yield LEFT_OUT.format(counts, "--all")
        if n := self._left_out[NO_CLASS]:
            yield f"left out: {n:,} photos that reviewers found to be of none of the classes."
        if n := self._left_out["failed"]:
            yield f"left out: {n:,} photos that could not be read."


def _value(name: str) -> Any:
    return lambda row: row.get(name)
