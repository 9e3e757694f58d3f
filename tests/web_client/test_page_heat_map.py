"""Heat maps over the picture."""

import base64
import io
import re

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, expect

from handler.resizing import crop_box
from scripts import SAMPLES
from tests.service import Service
from tests.web_client.browser import (
    answer,
    choose,
    encoded,
    file,
    results,
    visit,
)

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"


def drawn_map(page: Page) -> NDArray[np.float64]:
    """What the overlay has at the centres of its 7 x 7 cells: the more, the less transparent."""
    url = page.locator("[data-heatmap]").evaluate("canvas => canvas.toDataURL()")
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    opacity = np.asarray(image)[8::16, 8::16, 3] / 255
    values: NDArray[np.float64] = (opacity - 0.2) / 0.8
    return values


def test_heat_map_of_each_class(page: Page, service: Service) -> None:
    data = CAT.read_bytes()
    url = f"{service.url}/explanations/resnet18"
    expected = requests.post(url, data, timeout=60).json()
    choose(page, CAT)
    expect(results(page)).to_have_count(3)
    overlay = page.locator("[data-heatmap]")
    expect(overlay).to_be_hidden()
    for i, item in enumerate(expected):
        results(page).nth(i).hover()
        expect(overlay).to_be_visible()
        expect(overlay).to_have_accessible_name(re.compile(re.escape(item["class"])))
        assert np.abs(drawn_map(page) - item["heatmap"]).max() < 0.05
    page.mouse.move(0, 0)
    expect(overlay).to_be_hidden()

    # A click holds it.
    first = results(page).first.get_by_role("button")
    first.click()
    page.mouse.move(0, 0)
    expect(overlay).to_be_visible()
    expect(first).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Opacity").fill("40")
    assert overlay.evaluate("canvas => getComputedStyle(canvas).opacity") == "0.4"
    first.click()
    page.mouse.move(0, 0)
    expect(overlay).to_be_hidden()


def test_heat_map_of_another_picture_after_clear(page: Page, service: Service) -> None:
    choose(page, CAT)
    results(page).first.get_by_role("button").click()
    expect(page.locator("[data-heatmap]")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    mirrored = encoded(ImageOps.mirror(Image.open(CAT)), "PNG")
    choose(page, file("mirrored.png", mirrored))
    results(page).first.get_by_role("button").click()
    expect(page.locator("[data-heatmap]")).to_be_visible()
    url = f"{service.url}/explanations/resnet18"
    expected = requests.post(url, mirrored, timeout=60).json()[0]
    assert answer(page)[0] == expected["class_id"]
    assert np.abs(drawn_map(page) - expected["heatmap"]).max() < 0.05
    page.keyboard.press("Escape")
    page.mouse.move(0, 0)
    expect(page.locator("[data-heatmap]")).to_be_hidden()


def test_heat_map_by_finger(browser: Browser, service: Service) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    with visit(browser, service.url, **phone) as page:
        choose(page, CAT)
        overlay = page.locator("[data-heatmap]")
        for visible in (True, False):
            results(page).first.get_by_role("button").tap()
            expect(overlay).to_be_visible(visible=visible)


def test_heat_map_lies_on_what_the_network_saw(page: Page) -> None:
    for size in [(600, 400), (300, 420), (256, 256), (500, 375), (224, 600)]:
        choose(page, file("a.jpg", encoded(Image.open(COFFEE).resize(size), "JPEG")))
        expect(results(page)).to_have_count(3)
        results(page).first.get_by_role("button").click()
        expect(page.locator("[data-heatmap]")).to_be_visible()
        whole, part = page.evaluate(  # both at the same moment
            """() => ["preview", "heatmap"].map(
                (hook) => document.querySelector(`[data-${hook}]`).getBoundingClientRect().toJSON()
            )"""
        )
        scale = whole["width"] / size[0]
        assert whole["height"] / size[1] == pytest.approx(scale, rel=0.02)  # nothing is cut off
        left, top, right, bottom = (scale * edge for edge in crop_box(*size))
        assert part["x"] - whole["x"] == pytest.approx(left, abs=1.5)
        assert part["y"] - whole["y"] == pytest.approx(top, abs=1.5)
        assert part["width"] == pytest.approx(right - left, abs=2)
        assert part["height"] == pytest.approx(bottom - top, abs=2)
        # What lies outside says so.
        expect(page.locator(".unseen")).to_contain_text("not seen by the model")
        expect(page.locator("[data-lens]")).to_contain_text("not seen by the model")
        page.get_by_role("button", name="Clear").click()
