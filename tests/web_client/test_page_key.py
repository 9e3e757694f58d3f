"""The page and a service's access key."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from scripts import SAMPLES
from tests.service import Service, started
from tests.web_client.browser import choose, file, hold_the_first, results, until, visit

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"
KEY = "0123456789abcdef"
NOT_ACCEPTED = "The service did not accept this key."


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
def visitor(browser: Browser, locked: Service) -> Iterator[Page]:
    """Without a key."""
    with visit(browser, locked.url, "401") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield page


def test_asks_for_the_access_key(visitor: Page) -> None:
    requests: list[Request] = []
    visitor.on("request", lambda request: requests.append(request))
    error, field = visitor.locator("[data-error]"), visitor.get_by_label("Access key")
    expect(field).to_be_hidden()
    choose(visitor, CAT)
    expect(error).to_contain_text("needs an access key")
    expect(field).to_be_visible()

    field.fill("fedcba9876543210")
    visitor.get_by_role("button", name="Use this key").click()
    expect(error).to_contain_text(NOT_ACCEPTED)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")

    # It is pasted over the wrong one; a paste without a picture is no problem here.
    visitor.evaluate("key => navigator.clipboard.writeText(key)", f" {KEY}\n")
    visitor.keyboard.press("Control+V")
    expect(field).to_be_visible()
    visitor.keyboard.press("Enter")
    expect(results(visitor)).to_have_count(3)
    expect(field).to_be_hidden()
    expect(visitor.locator("[data-answer]")).to_be_focused()
    expect(field).to_have_value("")

    visitor.get_by_role("button", name="Copy as curl").click()
    expect(visitor.locator("[data-copy-curl]")).to_have_text("Copied")
    command = visitor.evaluate("navigator.clipboard.readText()")
    assert '-H "Authorization: Bearer $ACCESS_KEY"' in command

    visitor.reload()
    choose(visitor, COFFEE)
    expect(visitor.locator("[data-caption]")).to_contain_text("coffee.jpg")
    expect(results(visitor)).to_have_count(3)

    posts = [request for request in requests if request.method == "POST"]
    sent = [request.headers.get("authorization") for request in posts]
    assert sent == [None, "Bearer fedcba9876543210", f"Bearer {KEY}", f"Bearer {KEY}"]
    assert all(KEY not in request.url for request in requests)
    assert KEY not in visitor.content()
    assert KEY not in visitor.url


def test_one_key_for_many_pictures(visitor: Page) -> None:
    sent: list[Request] = []
    visitor.on("request", lambda request: sent.append(request) if request.method == "POST" else 0)
    choose(visitor, *[CAT, COFFEE] * 5)
    field = visitor.get_by_label("Access key")
    expect(field).to_be_visible()
    until(visitor, "document.querySelectorAll('progress:not([hidden])').length <= 1")
    assert len(sent) <= 4  # the others wait
    # It is asked for whichever picture is on the stage.
    visitor.locator("[data-select]").last.click()
    field.fill(KEY)
    field.press("Enter")
    expect(visitor.locator("[data-confidence]").filter(has_text="%")).to_have_count(10)


def test_a_late_refusal_spares_the_new_key(visitor: Page) -> None:
    held = hold_the_first(visitor)
    choose(visitor, CAT, COFFEE)
    field = visitor.get_by_label("Access key")
    expect(field).to_be_visible()
    field.fill(KEY)
    field.press("Enter")
    expect(visitor.locator("[data-confidence]").filter(has_text="%")).to_have_count(1)
    held[0].continue_()
    expect(visitor.locator("[data-confidence]").filter(has_text="%")).to_have_count(2)
    expect(field).to_be_hidden()


def test_the_key_is_asked_for_beside_any_picture(visitor: Page) -> None:
    choose(visitor, file("note.jpg", b"text"), file("cat.jpg", CAT.read_bytes()))
    field = visitor.get_by_label("Access key")
    expect(field).to_be_visible()
    expect(visitor.locator("[data-caption]")).to_contain_text("note.jpg")
    field.fill(KEY)
    field.press("Enter")
    expect(visitor.locator("[data-confidence]").filter(has_text="%")).to_have_count(1)


def test_asks_for_the_access_key_in_both_languages(visitor: Page) -> None:
    choose(visitor, CAT)
    form = visitor.locator("[data-key-form]")
    words = {
        "zh": ("此服务需要访问密钥", "服务不接受这个密钥", "访问密钥", "使用此密钥"),
        "en": ("needs an access key", NOT_ACCEPTED, "Access key", "Use this key"),
    }
    for language, (wanted, wrong, label, button) in words.items():
        visitor.locator("[data-clear]").click()
        visitor.locator(f"button[data-language={language}]").click()
        choose(visitor, CAT)
        expect(visitor.locator("[data-error]")).to_contain_text(wanted)
        expect(form.get_by_role("button", name=button)).to_be_visible()
        form.get_by_label(label).fill("wrong")
        form.get_by_label(label).press("Enter")
        expect(visitor.locator("[data-error]")).to_contain_text(wrong)


@pytest.mark.parametrize("key", ["ключ", "钥匙", "caf\xe9", "0123 4567", "a\x00b", "\ud83d"])
def test_key_that_no_header_can_carry(visitor: Page, key: str) -> None:
    choose(visitor, CAT)
    field = visitor.get_by_label("Access key")
    expect(field).to_be_visible()
    sent: list[str] = []
    visitor.on("request", lambda request: sent.append(request.url))
    # Not by fill(), which can't send half a character.
    field.evaluate("(field, units) => { field.value = String.fromCharCode(...units); }", units(key))
    field.press("Enter")
    expect(visitor.locator("[data-error]")).to_contain_text(NOT_ACCEPTED)
    expect(field).to_be_focused()
    assert not any("explanations" in url for url in sent)


def units(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)]


def test_where_storage_is_blocked(visitor: Page) -> None:
    visitor.add_init_script(
        """for (const name of ["sessionStorage", "localStorage"]) {
            const get = () => { throw new DOMException("blocked", "SecurityError"); };
            Object.defineProperty(window, name, { get });
        }"""
    )
    visitor.reload()
    choose(visitor, CAT)
    visitor.get_by_label("Access key").fill(KEY)
    visitor.get_by_role("button", name="Use this key").click()
    expect(results(visitor)).to_have_count(3)
    choose(visitor, COFFEE)
    expect(visitor.locator("[data-preview]")).to_have_attribute("alt", "Preview of coffee.jpg")
    expect(results(visitor)).to_have_count(3)
    visitor.get_by_role("button", name="Clear").click()
    expect(results(visitor)).to_have_count(0)
