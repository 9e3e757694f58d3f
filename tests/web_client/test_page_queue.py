"""Many pictures on the page: queue, table, history, and a service that comes and goes."""

import csv
import io
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from scripts import SAMPLES
from tests.service import Service, wait_until
from tests.web_client.browser import answer_once, choose, file, results, until, visit

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    with visit(browser, service.url) as page:
        yield page


@pytest.fixture(scope="module")
def small_pictures() -> list[dict[str, object]]:
    """300 that differ."""
    sources = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.jpg"))]
    pictures = []
    for i in range(300):
        data = io.BytesIO()
        source = sources[i % len(sources)]
        source.resize((260, 240)).rotate(i / 10).save(data, "JPEG")
        pictures.append(file(f"{i:03}.jpg", data.getvalue(), "image/jpeg"))
    return pictures


def answered(page: Page, count: int) -> None:
    expect(page.locator("[data-confidence]").filter(has_text="%")).to_have_count(count)


class Held:
    """Requests that wait until they are let go."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.routes: list[Route] = []
        self.holding = True
        page.route("**/explanations/**", self._take)

    def _take(self, route: Route) -> None:
        if self.holding:
            self.routes.append(route)
        else:
            route.continue_()

    def wait_for(self, count: int) -> None:
        wait_until(lambda: self._pump() >= count, 10, f"{count} requests are on their way")

    def _pump(self) -> int:
        self.page.wait_for_timeout(10)
        return len(self.routes)

    def let_go(self) -> None:
        self.holding = False
        for route in self.routes:
            route.continue_()


def test_four_in_flight_the_others_wait(page: Page) -> None:
    held = Held(page)
    choose(page, *[CAT, COFFEE] * 5)
    held.wait_for(4)
    assert len(held.routes) == 4
    expect(page.get_by_text("Waiting for its turn…")).to_have_count(6)
    expect(page.locator("[data-summary]")).to_have_text("0 of 10 answered")
    held.let_go()
    answered(page, 10)
    expect(page.locator("[data-summary]")).to_have_text("10 of 10 answered")
    expect(page.locator("[data-announcement]")).to_have_text("10 of 10 answered")
    # The first stays on the stage.
    expect(page.locator("[data-caption]")).to_contain_text("cat.jpg")


def test_cancel_and_retry(page: Page) -> None:
    held = Held(page)
    choose(page, *[file(f"{i}.jpg", CAT.read_bytes()) for i in range(6)])
    held.wait_for(4)
    page.get_by_role("button", name="Cancel 0.jpg").click()  # on its way
    page.get_by_role("button", name="Cancel 5.jpg").click()  # not yet
    expect(page.locator("[data-error]")).to_contain_text("Cancelled")
    held.let_go()
    answered(page, 4)
    page.get_by_role("button", name="Try 5.jpg again").click()
    answered(page, 5)
    page.locator("[data-retry]").click()
    answered(page, 6)


def test_cancel_all(page: Page) -> None:
    held = Held(page)
    choose(page, *[CAT] * 8)
    held.wait_for(4)
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator("[data-rows] tr").filter(has_text="Cancelled")).to_have_count(8)
    expect(page.get_by_role("button", name="Cancel all")).to_be_hidden()
    assert len(held.routes) == 4
    held.let_go()
    choose(page, COFFEE)
    answered(page, 1)


def test_progress_of_a_slow_upload(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 40_000}
    session.send("Network.emulateNetworkConditions", speed)
    page.evaluate(
        """() => {
            window.shares = [];
            new MutationObserver(() => {
                const bar = document.querySelector("[data-outcome] progress");
                if (bar) shares.push(bar.value);
            }).observe(document.body, { childList: true, subtree: true });
        }"""
    )
    choose(page, file("cat.gif", _gif()))
    answered(page, 1)
    shares = page.evaluate("shares")
    assert len({share for share in shares if 0 < share < 1}) >= 3
    assert shares == sorted(shares)


def _gif() -> bytes:
    """120 kB that the browser does not make smaller."""
    data = io.BytesIO()
    Image.open(COFFEE).convert("RGB").resize((400, 300)).save(data, "GIF")
    return data.getvalue()


def test_busy_is_waited_out(browser: Browser, service: Service) -> None:
    answers = iter([429, 429, 503])
    lock = threading.Lock()

    def refuse(route: Route) -> None:
        with lock:
            status = next(answers, None)
        if status is None:
            route.continue_()
            return
        kind = {429: "busy", 503: "unavailable"}[status]
        body = json.dumps({"code": status, "type": kind, "message": "x"})
        headers = {"Retry-After": "1", "Content-Type": "application/json"}
        route.fulfill(status=status, headers=headers, body=body)

    with visit(browser, service.url, "(429|503)") as page:
        page.route("**/explanations/**", refuse)
        choose(page, *[CAT, COFFEE] * 3)
        expect(page.locator("[data-service]")).to_contain_text("is busy")
        expect(page.get_by_role("button", name="Try now")).to_be_visible()
        answered(page, 6)
        expect(page.locator("[data-service]")).to_be_hidden()
        page.unroute("**/explanations/**")


def test_try_now(browser: Browser, service: Service) -> None:
    busy = {"code": 429, "type": "busy", "message": "x"}
    with visit(browser, service.url, "429") as page:
        for _ in range(2):
            headers = {"Retry-After": "59"}
            answer_once(page, status=429, headers=headers, json=busy)
            choose(page, CAT)
            expect(page.locator("[data-service]")).to_contain_text("in 59 s")
            expect(page.locator("[data-announcement]")).to_contain_text("in 59 s")
            page.get_by_role("button", name="Try now").click()
            expect(page.locator("[data-service]")).to_be_hidden()
            expect(results(page)).to_have_count(3)
            page.get_by_role("button", name="Clear").click()
        answer_once(page, status=429, headers=headers, json=busy)
        choose(page, CAT)
        page.get_by_role("button", name="Cancel all").click()
        expect(page.locator("[data-service]")).to_be_hidden()
        choose(page, COFFEE)
        expect(results(page)).to_have_count(3)


def test_cancelled_while_it_is_prepared(page: Page) -> None:
    """And tried again: nothing of it is missing."""
    page.evaluate(
        """() => {
            const make = createImageBitmap;
            window.createImageBitmap = (...given) =>
                new Promise(resolve => { window.goOn = () => resolve(make(...given)); });
        }"""
    )
    choose(page, file("two.gif", _gif()))
    expect(page.get_by_text("Preparing the picture…").first).to_be_visible()
    until(page, "window.goOn !== undefined")
    page.get_by_role("button", name="Cancel two.gif").click()
    page.evaluate("() => { window.goOn(); window.goOn = undefined; }")
    page.get_by_role("button", name="Try two.gif again").click()
    until(page, "window.goOn !== undefined")
    page.evaluate("window.goOn()")
    expect(results(page)).to_have_count(3)
    expect(page.locator("[data-preview]")).to_be_visible()


def test_goes_on_when_the_service_is_back(browser: Browser, other: Service) -> None:
    assert other.start().returncode == 0
    with visit(
        browser, other.url, "(503|CONNECTION_REFUSED|EMPTY_RESPONSE|CONNECTION_RESET)"
    ) as page:
        choose(page, CAT)
        answered(page, 1)
        assert other.stop().returncode == 0
        choose(page, *[COFFEE] * 6)
        expect(page.locator("[data-service]")).to_contain_text("can’t be reached")
        page.locator("button[data-language=zh]").click()
        expect(page.locator("[data-service]")).to_contain_text("无法连接到服务")
        page.locator("button[data-language=en]").click()
        # What was answered can be looked at meanwhile.
        page.locator("[data-select]").last.click()
        expect(results(page)).to_have_count(3)
        assert other.start().returncode == 0
        answered(page, 7)
        expect(page.locator("[data-service]")).to_be_hidden()


def test_gateway_dies_in_mid_upload(browser: Browser, other: Service) -> None:
    assert other.start().returncode == 0
    picture = io.BytesIO()  # 4.6 MB that the browser does not make smaller
    Image.open(COFFEE).resize((3000, 512)).save(picture, "BMP")
    provoked = "(503|CONNECTION_REFUSED|EMPTY_RESPONSE|CONNECTION_RESET|SOCKET_NOT_CONNECTED)"
    with visit(browser, other.url, provoked) as page:
        gateway = other.child_pid("caddy")
        os.kill(gateway, signal.SIGSTOP)
        choose(page, file("cup.bmp", picture.getvalue()))
        expect(page.locator("[data-outcome] progress")).to_be_visible()
        until(page, "watched.body !== null")
        os.kill(gateway, signal.SIGKILL)
        expect(page.locator("[data-service]")).to_contain_text("can’t be reached")
        answered(page, 1)
        expect(page.locator("[data-service]")).to_be_hidden()


def test_sorting(page: Page) -> None:
    paths = sorted(SAMPLES.glob("*.jpg"))
    choose(page, *paths)
    answered(page, len(paths))

    def column(hook: str) -> list[str]:
        return page.locator(f"[data-rows] [data-{hook}]").all_inner_texts()

    for name, hook in (("Picture", "select"), ("Best answer", "outcome")):
        for _ in range(2):
            page.get_by_role("columnheader", name=name).get_by_role("button").click()
            descending = page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
            texts = [text.casefold() for text in column(hook)]
            assert texts == sorted(texts, reverse=descending)
    page.get_by_role("columnheader", name="Confidence").get_by_role("button").click()
    shares = [float(text.rstrip("%").lstrip(">")) for text in column("confidence")]
    assert shares == sorted(shares)


def test_csv(page: Page, service: Service) -> None:
    names = ["plain.jpg", 'a "quoted", one.jpg', "=HYPERLINK(1).jpg", "@sum.jpg", "猫.jpg"]
    choose(page, *[file(name, CAT.read_bytes()) for name in names], file("note.jpg", b"text"))
    answered(page, len(names))
    expect(page.locator("[data-summary]")).to_contain_text("1 failed")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    expected = service.predict(CAT.read_bytes()).json()
    assert [row["file"] for row in rows if row["rank"] == "1"] == [
        "plain.jpg", 'a "quoted", one.jpg', "'=HYPERLINK(1).jpg", "'@sum.jpg", "猫.jpg"
    ]  # fmt: skip
    for row, item in zip(rows[:3], expected, strict=True):
        assert row == {
            "file": "plain.jpg",
            "rank": str(expected.index(item) + 1),
            **{name: str(value) for name, value in item.items()},
            "error": "",
        }
    assert "not a picture" in rows[-1]["error"]


def test_history_outlives_a_reload(page: Page) -> None:
    choose(page, CAT, COFFEE)
    answered(page, 2)
    until(page, "sessionStorage.length === 2")
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if "explanations" in r.url else None)
    before = page.locator("[data-rows]").inner_text()
    page.reload()
    answered(page, 2)
    assert page.locator("[data-rows]").inner_text() == before
    page.locator("[data-select]").first.click()
    expect(results(page)).to_have_count(3)
    results(page).first.get_by_role("button").click()
    expect(page.locator("[data-heatmap]")).to_be_visible()
    assert sent == []
    # The next one does not take the place of a kept one.
    choose(page, SAMPLES / "temple.jpg")
    answered(page, 3)

    page.get_by_role("button", name="Clear").click()
    expect(page.locator("[data-pictures]")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    expect(page.locator("[data-status]")).to_contain_text("appear here")


def test_full_storage_forgets_the_oldest(page: Page) -> None:
    choose(page, CAT)
    answered(page, 1)
    until(page, "sessionStorage.length === 1")
    page.evaluate(
        """() => {
            for (let size = 4_000_000; size >= 4000; size = Math.floor(size / 2)) {
                try { sessionStorage.setItem(`filler-${size}`, "x".repeat(size)); } catch {}
            }
        }"""
    )
    for path in (COFFEE, SAMPLES / "temple.jpg", SAMPLES / "flower.jpg"):
        choose(page, path)
        expect(page.locator("[data-caption]")).to_contain_text(path.name)
        expect(results(page)).to_have_count(3)
    answered(page, 4)
    page.reload()
    kept = page.locator("[data-picture]").count()
    assert 0 < kept < 4


def test_300_pictures(browser: Browser, int8_service: Service,
                      small_pictures: list[dict[str, object]]) -> None:  # fmt: skip
    """The heap does not grow with them but for their rows, and not at all when they are cleared."""
    with visit(browser, int8_service.url) as page:
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")

        def heap() -> float:
            session.send("HeapProfiler.collectGarbage")
            metrics = session.send("Performance.getMetrics")["metrics"]
            return next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize") / 1e6

        def run(pictures: list[dict[str, object]]) -> tuple[float, float]:
            choose(page, *pictures)
            count = len(pictures)
            words = f"{count} of {count} answered"
            expect(page.locator("[data-summary]")).to_have_text(words, timeout=60_000)
            with_rows = heap()
            page.get_by_role("button", name="Clear").click()
            expect(page.locator("[data-picture]")).to_have_count(0)
            return with_rows, heap()

        _, before = run(small_pictures[:30])  # by then all of the page's code has run
        full, after = run(small_pictures)
        print(f"heap: {before:.2f} MB, with 300 answers {full:.2f}, cleared {after:.2f}")
        assert full - before < 300 * 0.02
        assert after < before + 0.5


def test_table_follows_the_language(page: Page) -> None:
    choose(page, CAT, COFFEE)
    answered(page, 2)
    page.locator("button[data-language=zh]").click()
    expect(page.locator("[data-summary]")).to_have_text("共 2 张，已识别 2 张")
    first = page.locator("[data-outcome]").first.locator("span").first
    expect(first).to_have_attribute("lang", "zh-Hans")
    assert re.search(r"[\u4e00-\u9fff]", first.inner_text())
