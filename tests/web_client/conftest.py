"""The page in a tab of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.service import Service
from tests.web_client.browser import visit


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    with visit(browser, service.url) as page:
        yield page
