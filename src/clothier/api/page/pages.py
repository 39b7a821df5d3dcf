"""The pages, in the order of the navigation."""

from __future__ import annotations

from clothier.api.page import catalogue, classify, duplicates, models, quality, review, study, upload

PAGES = (classify, catalogue, upload, review, duplicates, quality, models, study)
LINKS = tuple(page.LINK for page in PAGES)
