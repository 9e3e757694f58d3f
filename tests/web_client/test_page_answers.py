"""What the page says of an answer."""

import json
import re
import shlex
import subprocess

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from handler.errors import BadTopK
from scripts import SAMPLES
from tests.service import Service
from tests.web_client.browser import (
    answer_once,
    choose,
    encoded,
    file,
    results,
    uploads,
    visit,
)

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"


def test_number_of_answers(page: Page) -> None:
    choose(page, COFFEE)
    expect(results(page)).to_have_count(3)
    sent = uploads(page)
    for count in (10, 1, 5):
        page.get_by_label("Answers").select_option(str(count))
        expect(results(page)).to_have_count(count)
    page.reload()
    choose(page, CAT)
    expect(results(page)).to_have_count(5)
    assert len(sent) == 1


def test_wordnet_ids_on_demand(page: Page) -> None:
    choose(page, CAT)
    wnid = results(page).first.locator(".wnid")
    expect(wnid).to_be_hidden()
    page.get_by_role("button", name="WordNet IDs").click()
    expect(wnid).to_be_visible()
    expect(wnid).to_have_text(re.compile(r"n\d{8}"))


def test_a_low_score_is_said(page: Page, service: Service) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    assert service.predict(data).json()[0]["confidence"] < 0.5
    choose(page, file("noise.png", data))
    expect(page.locator("[data-status]")).to_contain_text("Not sure")
    expect(page.locator("[data-status]")).to_contain_text("1,000 kinds")
    expect(results(page)).to_have_count(3)


def test_where_the_time_went(page: Page) -> None:
    choose(page, CAT)
    expect(page.locator("[data-timing]")).to_have_text(
        re.compile(r"^\d+ ms: transfer \d+, queue \d+, model \d+$")
    )
    numbers = [int(n) for n in re.findall(r"\d+", page.locator("[data-timing]").inner_text())]
    assert numbers[0] == pytest.approx(sum(numbers[1:]), abs=1)
    assert numbers[3] > 0


@pytest.mark.parametrize("clipboard", [True, False])
def test_copies(page: Page, service: Service, clipboard: bool) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, CAT)
    expect(results(page)).to_have_count(3)
    read = page.evaluate_handle("() => navigator.clipboard.readText.bind(navigator.clipboard)")
    if not clipboard:  # as over plain HTTP
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert json.loads(read.evaluate("read => read()")) == service.predict(CAT.read_bytes()).json()

    page.get_by_label("Answers").select_option("2")
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("[data-copy-curl]")).to_have_text("Copied")
    command = read.evaluate("read => read()")
    done = subprocess.run(shlex.split(command), cwd=SAMPLES, capture_output=True, timeout=60)
    assert len(json.loads(done.stdout)) == 2


def test_an_archive_of_other_labels(page: Page) -> None:
    """Without Chinese names, wnids or heat maps there is still an answer."""
    items = [{"class": name, "class_zh": None, "class_id": i, "wnid": None, "confidence": share}
             for i, (name, share) in enumerate([("good", 0.9), ("bad", 0.1)])]  # fmt: skip
    answer_once(page, status=200, json=items)
    choose(page, CAT)
    expect(results(page)).to_have_count(2)
    expect(page.locator("[data-status]")).to_contain_text("good")
    expect(page.locator("[data-timing]")).to_have_text(re.compile(r"^\d+ ms$"))
    page.locator("button[data-language=zh]").click()
    expect(page.locator("[data-status] [lang=en]")).to_have_text("good")


def test_a_model_of_few_classes(browser: Browser, service: Service) -> None:
    """Where no list says so: it refuses to give ten answers, says how many it has, and is asked."""
    asked_for: list[int] = []

    def refuse_many(route: Route) -> None:
        asked_for.append(int(route.request.headers["x-top-k"]))
        if asked_for[-1] > 4:
            route.fulfill(status=400, json=BadTopK(4).as_dict())
        else:
            route.continue_()

    with visit(browser, service.url, "400") as page:
        page.route("**/explanations/**", refuse_many)
        choose(page, CAT)
        offered = page.locator("[data-top-k] option:enabled")
        expect(offered).to_have_text(["1", "2", "3", "4"])
        page.get_by_label("Answers").select_option("4")
        expect(results(page)).to_have_count(4)
    assert asked_for == [10, 4]
