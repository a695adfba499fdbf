"""The pages of a review, as the registry takes them."""

from services.console.admin.review import (
    approve_page,
    change_page,
    page,
    pair_page,
    person_page,
    rules_page,
    unmatched_page,
)

PAGES = (page, pair_page, unmatched_page, person_page, rules_page, change_page, approve_page)
ROUTERS = tuple(one.router for one in PAGES)
