"""The page in a real Chromium against the real service."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from handler.errors import ClientError
from scripts.find_browser import find
from scripts.run_directory import ROOT
from tests.conftest import SAMPLES, Service, started

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KEY = "0123456789abcdef"
NOT_ACCEPTED = "The service did not accept this key."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        yield browser
        browser.close()


def new_page(browser: Browser, messages: list[str]) -> Page:
    page = browser.new_page(locale="en-GB", viewport={"width": 1200, "height": 900})
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda failure: messages.append(str(failure)))
    return page


@pytest.fixture(scope="module")
def messages() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, service: Service, messages: list[str]) -> Page:
    page = new_page(browser, messages)
    page.goto(service.url)
    return page


@pytest.fixture(scope="module")
def locked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with an access key."""
    with ExitStack() as stack:
        # Only while it starts: other services must not inherit it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ACCESS_KEY", KEY)
            service = stack.enter_context(started(archive, tmp_path_factory.mktemp("run")))
        yield service


@pytest.fixture
def refusals() -> list[str]:
    return []


@pytest.fixture
def visitor(browser: Browser, locked: Service, refusals: list[str]) -> Iterator[Page]:
    """A tab of its own, without a key. The console has the browser's line for each 401, no more."""
    page = new_page(browser, refusals)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(locked.url)
    yield page
    page.context.close()
    line = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
    assert set(refusals) <= {line}


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
    types = {*re.findall(r"refuse \d+ (\w+)", caddyfile)}
    types |= {kind.type for kind in ClientError.__subclasses__()}
    assert {"busy", "corrupt_picture", "internal_error", "unauthorized", "wrong_host"} <= types
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


def test_asks_for_the_access_key(visitor: Page, refusals: list[str]) -> None:
    requests: list[Request] = []
    visitor.on("request", lambda request: requests.append(request))
    error, field = visitor.locator("[data-error]"), visitor.get_by_label("Access key")
    results = visitor.locator("[data-results] > li")
    expect(field).to_be_hidden()
    visitor.locator("[data-file]").set_input_files(SAMPLES / "cat.jpg")
    expect(error).to_contain_text("needs an access key")
    expect(field).to_be_visible()
    assert len(refusals) == 1

    field.fill("fedcba9876543210")
    visitor.get_by_role("button", name="Use this key").click()
    expect(error).to_contain_text(NOT_ACCEPTED)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert len(refusals) == 2

    # It is pasted over the wrong one; a paste without a picture is no problem here.
    visitor.evaluate("key => navigator.clipboard.writeText(key)", f" {KEY}\n")
    visitor.keyboard.press("Control+V")
    expect(field).to_be_visible()
    visitor.keyboard.press("Enter")
    expect(results).to_have_count(3)
    expect(field).to_be_hidden()
    expect(visitor.locator("[data-answer]")).to_be_focused()
    expect(field).to_have_value("")

    visitor.reload()
    visitor.locator("[data-file]").set_input_files(SAMPLES / "coffee.jpg")
    expect(results).to_have_count(3)
    assert len(refusals) == 2

    sent = [r.headers["authorization"] for r in requests if "authorization" in r.headers]
    assert sent == ["Bearer fedcba9876543210", f"Bearer {KEY}", f"Bearer {KEY}"]
    assert all(KEY not in request.url for request in requests)
    assert KEY not in visitor.content()
    assert KEY not in visitor.url


def test_asks_for_the_access_key_in_both_languages(visitor: Page) -> None:
    visitor.locator("[data-file]").set_input_files(SAMPLES / "cat.jpg")
    form = visitor.locator("[data-key-form]")
    words = {
        "zh": ("此服务需要访问密钥", "服务不接受这个密钥", "访问密钥", "使用此密钥"),
        "en": ("needs an access key", NOT_ACCEPTED, "Access key", "Use this key"),
    }
    for language, (wanted, wrong, label, button) in words.items():
        visitor.locator(f"button[data-language={language}]").click()
        visitor.locator("[data-file]").set_input_files(SAMPLES / "cat.jpg")
        expect(visitor.locator("[data-error]")).to_contain_text(wanted)
        expect(form.get_by_role("button", name=button)).to_be_visible()
        form.get_by_label(label).fill("wrong")
        form.get_by_label(label).press("Enter")
        expect(visitor.locator("[data-error]")).to_contain_text(wrong)


@pytest.mark.parametrize("key", ["ключ", "钥匙", "caf\xe9", "0123 4567", "a\x00b", "\ud83d"])
def test_key_that_no_header_can_carry(visitor: Page, key: str) -> None:
    visitor.locator("[data-file]").set_input_files(SAMPLES / "cat.jpg")
    field = visitor.get_by_label("Access key")
    expect(field).to_be_visible()
    sent: list[str] = []
    visitor.on("request", lambda request: sent.append(request.url))
    # Not by fill(), which can't send half a character.
    field.evaluate("(field, units) => { field.value = String.fromCharCode(...units); }", units(key))
    field.press("Enter")
    expect(visitor.locator("[data-error]")).to_contain_text(NOT_ACCEPTED)
    expect(field).to_be_focused()
    assert not any("predictions" in url for url in sent)


def units(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)]


def test_key_where_storage_is_blocked(visitor: Page) -> None:
    visitor.add_init_script(
        """for (const name of ["sessionStorage", "localStorage"]) {
            const get = () => { throw new DOMException("blocked", "SecurityError"); };
            Object.defineProperty(window, name, { get });
        }"""
    )
    visitor.reload()
    results = visitor.locator("[data-results] > li")
    visitor.locator("[data-file]").set_input_files(SAMPLES / "cat.jpg")
    visitor.get_by_label("Access key").fill(KEY)
    visitor.get_by_role("button", name="Use this key").click()
    expect(results).to_have_count(3)
    visitor.locator("[data-file]").set_input_files(SAMPLES / "coffee.jpg")
    expect(visitor.locator("[data-preview]")).to_have_attribute("alt", "Preview of coffee.jpg")
    expect(results).to_have_count(3)
