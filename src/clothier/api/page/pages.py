"""The pages, in the order of the navigation."""

from __future__ import annotations

from clothier.api.page import catalogue, classify, models, quality, review, study

PAGES = (classify, catalogue, review, quality, models, study)
LINKS = tuple(page.LINK for page in PAGES)
