"""The pages, in the order of the navigation."""

from __future__ import annotations

from clothier.api.page import classify, models, study

PAGES = (classify, models, study)
LINKS = tuple(page.LINK for page in PAGES)
