"""Many pictures on the page: the queue, and a service that comes and goes."""

import io
import json
import os
import signal
import threading

from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from scripts import SAMPLES
from tests.service import Service, wait_until
from tests.web_client.browser import answer_once, answered, choose, file, results, until, visit

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"


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
        expect(page.locator("[data-service]")).to_contain_text("in 59 s")
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
        gateway = other.child_pid("envoy")
        os.kill(gateway, signal.SIGSTOP)
        choose(page, file("cup.bmp", picture.getvalue()))
        expect(page.locator("[data-outcome] progress")).to_be_visible()
        until(page, "watched.body !== null")
        os.kill(gateway, signal.SIGKILL)
        answered(page, 1)
        expect(page.locator("[data-service]")).to_be_hidden()
