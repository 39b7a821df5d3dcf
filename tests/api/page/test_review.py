"""The review desk without a browser: every action, two reviewers, many at once."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

import pytest
from markupsafe import escape
from sqlalchemy import update

from clothier.api.addresses import item_url
from clothier.api.page.review_card import SAVED_BEFORE
from clothier.catalogue import versions
from clothier.inference import load
from clothier.store.schema import ITEMS
from tests.api.page.conftest import IDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle
    from tests.api.page.conftest import Shop

HTMX = {"HX-Request": "true"}


@pytest.fixture
def anna(shop: Shop) -> Shop:
    """Who has said her name."""
    page = shop.page("/review?class=hat&item=sku-3")
    assert "Who reviews?" in page
    assert 'action="/review/name?class=hat&amp;item=sku-3"' in page
    answer = shop.post("/review/name?class=hat&item=sku-3", {**shop.fields(page), "name": "Anna Ünal"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/review?class=hat&item=sku-3")
    assert "httponly" in answer.headers["Set-Cookie"].lower()
    return shop


def item(shop: Shop, item_id: str) -> Any:
    found = [one for one in shop.client.get("/v1/items").json()["items"] if one["item_id"] == item_id]
    return found[0]


def shown(shop: Shop, page: str) -> str:
    return unquote(shop.fields(page)["item_id"])


def said(page: str) -> str:
    return re.sub("<[^>]+>", "", page[page.index('id="said"') :].partition(">")[2].partition("</div>")[0]).strip()


def act(shop: Shop, page: str, **values: str) -> str:
    answer = shop.post("/review", {**shop.fields(page), **values}, **HTMX)
    assert answer.status_code == 200, answer.text
    assert "<html" not in answer.text
    return str(answer.text)


def test_accept_correct_skip_previous_and_undo(anna: Shop) -> None:
    page = anna.page("/review?class=dress")
    first = shown(anna, page)
    page = act(anna, page, action="accept")
    assert said(page) == "Accepted: dress."
    assert item(anna, first)["reviewed_by"] == "Anna Ünal"
    assert "1 of 3 reviewed" in page
    second = shown(anna, page)
    page = act(anna, page, **{"class": "hat"})
    assert said(page) == "hat; the model said dress."
    assert item(anna, second)["reviewed_class"] == "hat"
    third = shown(anna, page)
    assert {first, second, third} == {"a/../b", "sku-2", "sku-4"}
    page = act(anna, page, action="previous")
    assert shown(anna, page) == second
    assert "Anna Ünal reviewed it: <strong>hat</strong>" in page
    page = act(anna, page, action="none")
    assert shown(anna, page) == third
    assert item(anna, second)["reviewed_class"] is None
    page = act(anna, page, action="undo")
    assert (shown(anna, page), said(page)) == (second, "1 review taken back.")
    assert item(anna, second)["reviewed_class"] == "hat"
    page = act(anna, page, action="skip")
    assert shown(anna, page) == third
    page = act(anna, page, action="skip")
    assert "Nothing is left to review" in page
    assert "2 of 3 reviewed" in page
    assert shown(anna, anna.page("/review?class=dress")) == third
    page = act(anna, page, action="undo")
    assert shown(anna, page) == second
    for expected in ("1 review taken back.", "You have no review to take back."):
        page = act(anna, page, action="undo")
        assert said(page) == expected
    many = anna.post("/review/many", {**anna.fields(anna.page("/review/many")), "action": "undo"}).text
    assert said(many) == "You have no review to take back."


@pytest.mark.parametrize(
    "name",
    ["\u202egnp.exe", "tab\tin", "del\x7fnel\x85", "tag\U000e0041", "a'; rm -rf ~; '", '"&amp;', "line\nbreak\n"],
)
def test_ids_that_cannot_be_shown_can_be_reviewed(anna: Shop, name: str) -> None:
    store = anna.services.store
    store.write(lambda one: one.execute(update(ITEMS).where(ITEMS.c.item_id == "sku-1").values(item_id=name)))
    assert anna.page(item_url(name)).count(quote(name, safe="")) > 1
    page = anna.page(f"/review?item={quote(name)}")
    words = shlex.split(unescape(re.findall("<pre><code>(.*?)</code></pre>", page, re.DOTALL)[-1]))
    assert json.loads(words[words.index("-d") + 1])["items"][0]["item_id"] == name
    assert '"reviewer": "NAME"' in unescape(anna.page("/review/many"))
    page = act(anna, page, action="skip")
    page = act(anna, page, action="previous")
    page = act(anna, page, action="accept")
    assert item(anna, name)["reviewed_by"] == "Anna Ünal", said(page)


def test_the_same_form_twice_is_one_review(anna: Shop) -> None:
    page = anna.page("/review")
    fields = {**anna.fields(page), "action": "accept"}
    assert [anna.post("/review", fields).status_code for _ in range(2)] == [200, 200]
    assert len(item_history(anna, unquote(fields["item_id"]))) == 2  # the model's tag, and one review


def test_another_choice_after_a_lost_answer(anna: Shop) -> None:
    """The browser still shows the card whose form was received."""
    fields = anna.fields(anna.page("/review?class=dress"))
    reviewed = unquote(fields["item_id"])
    assert anna.post("/review", {**fields, "action": "accept"}).status_code == 200, "and nobody reads it"
    page = anna.post("/review", {**fields, "class": "hat"}, **HTMX).text
    assert (shown(anna, page), said(page)) == (reviewed, SAVED_BEFORE)
    assert item(anna, reviewed)["reviewed_class"] == "dress"
    act(anna, page, **{"class": "hat"})
    assert item(anna, reviewed)["reviewed_class"] == "hat"
    fields = anna.fields(anna.page("/review?class=dress"))
    anna.post("/review", {**fields, "action": "accept"})
    page = anna.post("/review", {**fields, "action": "undo"}, **HTMX).text
    assert (shown(anna, page), said(page)) == (unquote(fields["item_id"]), "1 review taken back.")
    assert item(anna, shown(anna, page))["reviewed_at"] is None


def item_history(shop: Shop, item_id: str) -> list[Any]:
    path = item_id.replace("/", "%2F").replace("<", "%3C").replace(">", "%3E")
    return list(shop.client.get(f"/v1/items/{path}").json()["history"])


def test_two_reviewers_of_one_photo(anna: Shop) -> None:
    page = anna.page("/review")
    item_id = shown(anna, page)
    body = {"action": "correct", "items": [{"item_id": item_id, "class": "skirt"}], "reviewer": "Ben"}
    anna.client.post("/v1/reviews", json=body)
    page = act(anna, page, **{"class": "hat"})
    told = f"Ben has reviewed {item_id} meanwhile: skirt. Your answer was not saved."
    assert unescape(said(page)) == told
    assert 'class="warning"' in page
    assert shown(anna, page) != item_id
    assert (item(anna, item_id)["reviewed_by"], item(anna, item_id)["reviewed_class"]) == ("Ben", "skirt")
    page = anna.page("/review")
    item_id = shown(anna, page)
    for one in ({"action": "accept", "items": [{"item_id": item_id}], "reviewer": "Ben"},
                {"action": "undo", "reviewer": "Ben"}):  # fmt: skip
        assert anna.client.post("/v1/reviews", json=one).status_code == 200
    page = act(anna, page, action="accept")
    assert "was changed meanwhile" in said(page)
    assert shown(anna, page) == item_id
    page = act(anna, page, action="accept")
    assert item(anna, item_id)["reviewed_by"] == "Anna Ünal"


def test_many_at_once(anna: Shop) -> None:
    page = anna.page("/review/many")
    chosen = re.findall(r'name="item" value="(\d+:[^"]+)" checked', page)
    assert len(chosen) == len(IDS)
    chosen = [one for one in chosen if "sku-4" not in one]
    body = {"action": "accept", "items": [{"item_id": "sku-1"}], "reviewer": "Ben"}
    anna.client.post("/v1/reviews", json=body)
    asked = anna.post("/review/many", {**anna.fields(page), "item": chosen, "label": ""}).text
    assert "Review 5 photos as the model" in asked
    assert item(anna, "sku-2")["reviewed_at"] is None
    back = anna.post("/review/many", {**anna.fields(asked), "item": chosen[1:], "label": "none", "action": "back"}).text
    assert re.findall(r'name="item" value="(\d+:[^"]+)" checked', back) == [
        one for one in chosen[1:] if "sku-1" not in one
    ]
    assert '<option value="none" selected>' in back
    fields = {**anna.fields(asked), "item": chosen}
    page = anna.post("/review/many", fields).text
    assert said(page).startswith("4 photos reviewed. Ben has reviewed sku-1 meanwhile")
    assert item(anna, "sku-4")["reviewed_at"] is None
    assert item(anna, "sku-2")["reviewed_by"] == "Anna Ünal"
    page = anna.post("/review/many", {**anna.fields(page), "action": "undo"}).text
    assert said(page) == "4 reviews taken back."
    assert item(anna, "sku-2")["reviewed_at"] is None
    assert "No photo is chosen" in anna.post("/review/many", anna.fields(page)).text
    one = {**anna.fields(page), "item": ["0:sku-3"], "label": "none", "confirmed": "yes"}
    assert anna.post("/review/many", {**one, "item": [f"{item(anna, 'sku-3')['revision']}:sku-3"]}).status_code == 200
    assert (item(anna, "sku-3")["reviewed_by"], item(anna, "sku-3")["reviewed_class"]) == ("Anna Ünal", None)
    end = anna.page("/review/many?class=skirt&decision=accept")
    assert "Nothing is left here" in end
    assert said(anna.post("/review/many", {**anna.fields(end), "action": "undo"}).text) == "1 review taken back."


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"csrf": "0" * 64}, 403),
        ({"state": "{"}, 422),
        ({"state": json.dumps({"filters": {"nothing": "x"}})}, 422),
        ({"state": json.dumps({"after": "AAAA"})}, 422),
        ({"state": json.dumps({"trail": ["x"] * 21})}, 422),
        ({"revision": "x"}, 422),
        ({"action": "delete"}, 422),
        ({"action": "accept", "key": ""}, 422),
        ({"class": "no such class"}, 422),
        ({"item_id": "none", "action": "accept"}, 200),
    ],
)
def test_damaged_forms(anna: Shop, changed: dict[str, str], status: int) -> None:
    answer = anna.post("/review", {**anna.fields(anna.page("/review")), **changed})
    assert answer.status_code == status


def classes(page: str) -> list[str]:
    return re.findall('id="class-[^"]+" name="class" value="([^"]+)"', page)


def test_a_promoted_model_with_other_classes(anna: Shop) -> None:
    store = anna.services.store
    cnn = load("fashion-cnn")
    versions.promote(store, versions.register(store, "fashion-cnn", cnn), "Ben")
    page = anna.page("/review?class=dress")
    assert 'id="do-accept"' in page, "tags stay as they are"
    assert classes(page) == list(cnn.classes)
    assert anna.post("/review", {**anna.fields(page), "class": "hat"}).status_code == 422
    accepted = shown(anna, page)
    act(anna, page, action="accept")
    assert item(anna, accepted)["reviewed_class"] == "dress"
    listed = anna.page("/catalogue?class=dress")
    offered = listed[listed.index('id="filter-class"') : listed.index("</select>")]
    assert re.findall(r'value="([^"]+)"', offered) == [*cnn.classes, "dress", "hat", "skirt"]
    assert '<option value="dress" selected>' in offered
    assert "3 photos" in listed
    assert ",dress," in anna.client.get("/catalogue/export?format=shopify").text
    assert "Of other models" not in anna.page("/review/many").partition('id="label"')[2]
    versions.roll_back(store, "Ben")
    assert set(classes(anna.page("/review"))) == {"dress", "hat", "skirt"}, "of the model that tagged last"


ODD = ["none", "None", "null", "*", "a,b", "<b>", "reject", "class:none", " x  y ", "none of the classes"]


def test_classes_of_any_name(anna: Shop, tmp_path: Path, color_bundle: Callable[..., Bundle]) -> None:
    """In menus and on buttons, in addresses of pages and of the API, and in exports."""
    odd, store = color_bundle(tmp_path / "odd", dict.fromkeys(ODD, (1, 2, 3))), anna.services.store
    versions.promote(store, versions.register(store, str(odd.path), load(odd.path)), "Ben")
    page = anna.page("/review/many")
    menu = page[page.index('id="label"') :].partition("</select>")[0]
    values = map(unescape, re.findall('<option value="([^"]*)"', menu))
    labels: dict[str | None, str] = dict(zip(["", *ODD, None], values, strict=True))
    assert len(set(labels.values())) == len(ODD) + 2
    for name in [None, *ODD]:
        chosen = {"item": f"{item(anna, 'sku-1')['revision']}:sku-1", "label": labels[name]}
        asked = anna.post("/review/many", {**anna.fields(page), **chosen}).text
        assert anna.fields(asked)["label"] == labels[name]
        assert anna.post("/review/many", {**anna.fields(asked), **chosen}).status_code == 200
        assert (item(anna, "sku-1")["reviewed_class"], item(anna, "sku-1")["reviewed_by"]) == (name, "Anna Ünal")
        title = re.search("<title>(.*) · Clothier</title>", anna.page("/catalogue/items/sku-1"))
        assert title is not None
        assert unescape(title[1]) == (name or "None of the classes")
        if name is None:
            continue
        assert f'<option value="{escape(name)}" selected>' in anna.page(f"/catalogue?{urlencode({'class': name})}")
        assert [one["item_id"] for one in anna.client.get("/v1/items", params={"class": name}).json()["items"]] == [
            "sku-1"
        ]
        assert "\nsku-1," in anna.client.get("/catalogue/export", params={"class": name}).text
        act(anna, anna.page("/review?item=sku-2"), **{"class": name})
        assert item(anna, "sku-2")["reviewed_class"] == name
    assert anna.post("/review/many", {**anna.fields(page), **chosen, "label": "hat"}).status_code == 422


def test_without_a_name_nothing_is_reviewed(shop: Shop) -> None:
    page = shop.page("/review")
    fields = {**shop.fields(page), "item_id": "sku-1", "revision": "0", "action": "accept", "model_class": "skirt"}
    assert shop.post("/review", fields).status_code == 422
    assert shop.post("/review/name", {**shop.fields(page), "name": " "}).status_code == 422
    assert item(shop, "sku-1")["reviewed_at"] is None
    assert "Anna" not in shop.page("/review/accuracy")
