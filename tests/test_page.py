"""The page in a real Chromium against the real service."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from handler.errors import ClientError
from scripts.find_browser import find
from scripts.run_directory import ROOT
from tests.conftest import SAMPLES, Service

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def messages() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(service: Service, messages: list[str]) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        page = browser.new_page(locale="en-GB", viewport={"width": 1200, "height": 900})
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda failure: messages.append(str(failure)))
        page.goto(service.url)
        yield page
        browser.close()


def test_choose_and_read(page: Page, service: Service, messages: list[str]) -> None:
    path = SAMPLES / "cat.jpg"
    expected = service.predict(path.read_bytes()).json()
    page.locator("[data-file]").set_input_files(path)
    items = page.locator("[data-results] > li")
    expect(items).to_have_count(3)
    for i, item in enumerate(expected):
        row = items.nth(i)
        expect(row).to_have_attribute("data-class-id", str(item["class_id"]))
        expect(row).to_contain_text(item["class"])
        expect(row).to_contain_text(item["class_zh"])
        share = row.locator("[data-bar]").evaluate(
            "bar => bar.getBoundingClientRect().width"
            " / bar.parentElement.getBoundingClientRect().width"
        )
        assert share == pytest.approx(item["confidence"], abs=0.01)
    assert messages == []


def test_language_switch_keeps_the_result(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.locator("[data-language]").first.click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("[data-results] > li")).to_have_count(3)
    assert requests == []
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")


def test_bad_files(page: Page, messages: list[str]) -> None:
    text = {"name": "note.jpg", "mimeType": "image/jpeg", "buffer": b"just text"}
    page.locator("[data-file]").set_input_files(text)
    expect(page.locator("[data-error]")).to_be_visible()
    page.locator("[data-file]").set_input_files(SAMPLES / "coffee.jpg")
    expect(page.locator("[data-results] > li")).to_have_count(3)
    expect(page.locator("[data-error]")).to_be_hidden()
    assert messages == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [(413, "body_too_large"), (422, "corrupt_picture"), (415, "unsupported_format")],
)
def test_refusals_are_sentences(page: Page, status: int, kind: str) -> None:
    body = f'{{"code": {status}, "type": "{kind}", "message": "x"}}'
    page.route(
        "**/predictions/**",
        lambda route: route.fulfill(status=status, content_type="application/json", body=body),
    )
    page.locator("[data-file]").set_input_files(SAMPLES / "cat.jpg")
    expect(page.locator("[data-error]")).to_be_visible()
    assert len(page.locator("[data-error]").inner_text()) > 10
    page.unroute("**/predictions/**")


def test_dropped_twice(page: Page) -> None:
    """The second replaces the first, and neither opens in the tab."""
    address = page.url
    for name in ("temple.jpg", "flower.jpg"):
        data = list((SAMPLES / name).read_bytes())
        transfer = page.evaluate_handle(
            """([name, data]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(data)], name, {type: 'image/jpeg'}));
                return transfer;
            }""",
            [name, data],
        )
        page.dispatch_event("body", "drop", {"dataTransfer": transfer})
        expect(page.locator("[data-preview]").first).to_be_visible()
        expect(page.locator("[data-results] > li")).to_have_count(3)
    assert page.url == address


def test_every_error_has_its_sentences(page: Page) -> None:
    """In both languages, for each `type` of the contract."""
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text()
    types = {*re.findall(r"import refuse \d+ (\w+)", caddyfile)}
    types |= {kind.type for kind in ClientError.__subclasses__()}
    assert {"busy", "corrupt_picture", "internal_error"} <= types
    missing = page.evaluate(
        """async types => {
            const { hasProblemText, problemText } = await import("/js/strings.js");
            const both = type => ["en", "zh"].every(language =>
                problemText(language, { type, values: {} }).length > 10);
            return types.filter(type => !hasProblemText(type) || !both(type));
        }""",
        sorted(types),
    )
    assert missing == []


def test_browser_reads_the_refusal_of_a_large_body(page: Page) -> None:
    send = """async () => {
        const body = new Uint8Array(6_000_000);
        const answer = await fetch("predictions/resnet18", { method: "POST", body });
        return (await answer.json()).type;
    }"""
    assert page.evaluate(send) == "body_too_large"
