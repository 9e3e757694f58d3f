"""The table and the history: sorting, CSV, storage, hundreds of pictures."""

import csv
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from scripts import SAMPLES
from tests.service import Service
from tests.web_client.browser import answered, choose, file, results, until, visit

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"


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
    assert [row["file"] for row in rows[:-1]] == [
        "plain.jpg", 'a "quoted", one.jpg', "'=HYPERLINK(1).jpg", "'@sum.jpg", "猫.jpg"
    ]  # fmt: skip
    row = {"file": "plain.jpg", "error": "", "model": "resnet18", "none_of_these": ""}
    for suffix, item in zip(("", "_2", "_3"), expected, strict=True):
        row |= {f"{name}{suffix}": str(value) for name, value in item.items()}
    assert rows[0] == row
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


@pytest.mark.parametrize("count", [100, pytest.param(300, marks=pytest.mark.long)])
def test_hundreds_of_pictures(
    browser: Browser, int8_service: Service, small_pictures: list[dict[str, object]], count: int
) -> None:
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
        full, after = run(small_pictures[:count])
        print(f"heap: {before:.2f} MB, with {count} answers {full:.2f}, cleared {after:.2f}")
        assert full - before < count * 0.02
        assert after < before + 0.5


def test_table_follows_the_language(page: Page) -> None:
    choose(page, CAT, COFFEE)
    answered(page, 2)
    page.locator("button[data-language=zh]").click()
    expect(page.locator("[data-summary]")).to_have_text("共 2 张，已识别 2 张")
    first = page.locator("[data-outcome]").first.locator("span").first
    expect(first).to_have_attribute("lang", "zh-Hans")
    assert re.search(r"[\u4e00-\u9fff]", first.inner_text())
