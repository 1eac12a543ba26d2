"""A trigger_app that asks for a token, and how one signs in to it."""

from __future__ import annotations

from selenium.webdriver import Keys

from tests.browser.chromium import OTHER_NAME
from tests.browser.page import Page

TOKEN = "a token of the tests"
GUARDED = {"API_TOKEN": TOKEN, "ALLOWED_HOSTS": OTHER_NAME}


def sign_in(page: Page, token: str) -> None:
    page.find("[name=token]").send_keys(token, Keys.ENTER)
