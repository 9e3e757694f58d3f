"""A real Chromium, and tabs in it that forgive nothing."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect, sync_playwright

from scripts.development.find_tools import chromium

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A camera that shows a test picture, and nobody who has to be asked for it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
# The browser's own line for a status; the test says which ones it provokes.
STATUS_LINE = r"Failed to load resource: (the server responded with a status of |net::ERR_)"

# Keeps the addresses made for files that were not given back, what the policy stopped, and the last
# body that was sent (Playwright shows none that comes from a file).
WATCH = """
window.watched = { urls: new Set(), violations: [], body: null };
const { send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.send = function (body) {
  watched.body = body;
  send.call(this, body);
};
const { createObjectURL, revokeObjectURL } = URL;
URL.createObjectURL = (blob) => {
  const url = createObjectURL.call(URL, blob);
  watched.urls.add(url);
  return url;
};
URL.revokeObjectURL = (url) => {
  watched.urls.delete(url);
  revokeObjectURL.call(URL, url);
};
document.addEventListener("securitypolicyviolation", (event) => {
  watched.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


@contextmanager
def launched() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def visit(
    browser: Browser, url: str, provoked: str = "", samples: int = 6, **options: Any
) -> Iterator[Page]:
    """A tab of its own with the page. At its end the console must be empty.

    samples: how many pictures the page offers. provoked: which of the browser's own lines for a
    status may be there, a regular expression of what follows STATUS_LINE ("429", "(413|415)",
    "CONNECTION_REFUSED").
    """
    settings: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1200, "height": 900}}
    context = browser.new_context(**settings | options)
    context.set_default_timeout(20_000)
    context.add_init_script(WATCH)
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda failure: messages.append(str(failure)))
    page.on("filechooser", lambda _: None)  # from now on none opens unseen
    page.goto(url)
    # The last thing that loading it does.
    expect(page.locator("[data-sample]")).to_have_count(samples)
    yield page
    violations = page.evaluate("watched.violations")
    context.close()
    assert violations == []
    allowed = re.compile(STATUS_LINE + provoked) if provoked else None
    assert [line for line in messages if not (allowed and allowed.match(line))] == []


def until(page: Page, expression: str) -> None:
    """Wait until it is true. (The page's policy forbids Playwright's wait_for_function().)"""
    page.evaluate(
        f"""async () => {{
            const end = performance.now() + 20_000;
            while (!({expression})) {{
                if (performance.now() > end) throw new Error("waited in vain");
                await new Promise(resolve => setTimeout(resolve, 20));
            }}
        }}"""
    )


def answer_once(page: Page, **answer: Any) -> None:
    """Answer the next picture in the service's stead."""
    page.route("**/explanations/**", lambda route: route.fulfill(**answer), times=1)


def hold_the_first(page: Page) -> list[Route]:
    """The next picture's request is held, once it is there; the others pass."""
    held: list[Route] = []

    def take(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/explanations/**", take)
    return held


def last_upload(page: Page) -> bytes:
    data: list[int] = page.evaluate(
        "watched.body.arrayBuffer().then(data => [...new Uint8Array(data)])"
    )
    return bytes(data)


def sends_the_file_itself(page: Page, picture: Path) -> bool:
    """Of a photograph so large that otherwise a smaller copy is sent."""
    data = encoded(Image.open(picture).resize((1500, 1000)), "JPEG")
    choose(page, file("photo.jpg", data))
    expect(results(page)).to_have_count(3)
    return last_upload(page) == data


def results(page: Page) -> Locator:
    return page.locator("[data-results] > li")


def choose(page: Page, *files: Any) -> None:
    """Files by path, or as { name, mimeType, buffer }."""
    page.locator("[data-file]").set_input_files(list(files))


def drop(page: Page, name: str, data: bytes) -> None:
    transfer = page.evaluate_handle(
        """([name, data]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], name));
            return transfer;
        }""",
        [name, list(data)],
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def file(name: str, data: bytes, mime: str = "") -> dict[str, Any]:
    return {"name": name, "mimeType": mime, "buffer": data}


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def uploads(page: Page) -> list[Request]:
    """The requests for explanations; the list grows."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if request.method == "POST" else None)
    return seen


def answer(page: Page) -> list[int]:
    """The class_ids shown, once there are some."""
    expect(results(page).first).to_be_visible()
    return [int(row.get_attribute("data-class-id") or -1) for row in results(page).all()]


def answered(page: Page, count: int) -> None:
    expect(page.locator("[data-confidence]").filter(has_text="%")).to_have_count(count)
