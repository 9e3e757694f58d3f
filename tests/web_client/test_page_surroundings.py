"""What browsers, phones, proxies and folders do to a page that pictures are given to."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from scripts import SAMPLES
from tests.service import Service
from tests.web_client.browser import (
    answer_once,
    answered,
    choose,
    file,
    hold_the_first,
    results,
    sends_the_file_itself,
    visit,
)

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"

# Firefox with privacy.resistFingerprinting gives noise, the Tor browser a white picture.
FALSIFIED = """level => {
    const falsify = data => data.forEach((_, i) => { data[i] = i % 4 < 3 ? level(i) : 255; });
    const { toBlob } = HTMLCanvasElement.prototype;
    const { getImageData } = CanvasRenderingContext2D.prototype;
    HTMLCanvasElement.prototype.toBlob = function (...given) {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [this.width, this.height];
        const context = canvas.getContext("2d");
        const pixels = context.createImageData(canvas.width, canvas.height);
        falsify(pixels.data);
        context.putImageData(pixels, 0, 0);
        toBlob.apply(canvas, given);
    };
    CanvasRenderingContext2D.prototype.getImageData = function (...given) {
        const pixels = getImageData.apply(this, given);
        falsify(pixels.data);
        return pixels;
    };
}"""


@pytest.mark.parametrize("level", ["() => 255", "i => (i * 2654435761) % 256"], ids=str)
def test_a_canvas_that_gives_something_else(page: Page, level: str) -> None:
    """The file itself is sent, and no other picture is shown for it."""
    page.evaluate(f"() => ({FALSIFIED})({level})")
    assert sends_the_file_itself(page, COFFEE)


def test_a_file_that_changes_after_it_was_taken(
    browser: Browser, service: Service, tmp_path: Path
) -> None:
    """As in a phone's cloud folders: the browser refuses to send such a file."""
    path = tmp_path / "picture.jpg"
    shutil.copy(CAT, path)
    with visit(browser, service.url, "503") as page:
        answer_once(page, status=503, body="", headers={"Retry-After": "1"})
        choose(page, path)
        expect(page.locator("[data-service-words]")).to_contain_text("starting or has stopped")
        os.truncate(path, 100)
        expect(results(page)).to_have_count(3)


def test_a_proxy_whose_service_is_away(browser: Browser, service: Service) -> None:
    """Its answer is a page of its own. The picture waits, and goes on by itself."""
    with visit(browser, service.url, "522") as page:
        answer_once(page, status=522, body="<html>", content_type="text/html")
        choose(page, CAT)
        expect(page.locator("[data-service-words]")).to_contain_text("starting or has stopped")
        expect(results(page)).to_have_count(3)


def drop_from_disk(page: Page, *paths: Path) -> None:
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 9, "y": 9, "data": data})


def test_a_folder(page: Page, tmp_path: Path) -> None:
    """With all that is in it, but for what systems hide there."""
    folder = tmp_path / "holiday"
    (folder / "day 2").mkdir(parents=True)
    for name in ("10.jpg", "9.jpg", "day 2/1.jpg"):
        shutil.copy(CAT, folder / name)
    (folder / ".DS_Store").write_bytes(b"x")
    drop_from_disk(page, folder, COFFEE)
    answered(page, 4)
    names = page.locator("[data-rows] bdi").all_inner_texts()
    assert names == ["holiday/9.jpg", "holiday/10.jpg", "holiday/day 2/1.jpg", "coffee.jpg"]


def test_more_in_a_folder_than_a_browser_lists_at_once(page: Page, tmp_path: Path) -> None:
    for number in range(120):
        (tmp_path / f"{number}.txt").write_text("no picture")
    drop_from_disk(page, tmp_path)
    summary = page.locator("[data-summary]")
    expect(summary).to_have_text("0 of 120 answered, 120 failed", timeout=20_000)


def test_an_empty_folder(page: Page, tmp_path: Path) -> None:
    """It keeps nothing else from its answer."""
    drop_from_disk(page, tmp_path)
    expect(page.locator("[data-error]")).to_contain_text("no files in the folder")
    drop_from_disk(page, CAT, tmp_path)
    expect(page.locator("[data-summary]")).to_have_text("1 of 3 answered, 2 failed")


def test_a_file_that_can_not_be_read(page: Page, tmp_path: Path) -> None:
    """As of another user: it fails alone, the folder's others are answered."""
    found = page.evaluate(
        """async () => {
            const { filesOf } = await import("/js/transfer.js");
            const good = { name: "good", file: (resolve) => resolve(new File(["x"], "good")) };
            const bad = { name: "bad", file: (resolve, reject) => reject(new Error("no")) };
            const batches = [[good, bad], []];
            const readEntries = (resolve) => resolve(batches.shift());
            const createReader = () => ({ readEntries });
            const folder = { name: "day", isDirectory: true, createReader };
            const item = { kind: "file", webkitGetAsEntry: () => folder };
            const loads = (await filesOf({ items: [item] })).map(async ({ name, load }) => {
                const loaded = await load().catch(({ type }) => ({ name: type }));
                return [name, loaded.name];
            });
            return Promise.all(loads);
        }"""
    )
    assert found == [["day/bad", "unreadable"], ["day/good", "good"]]


def test_leaving_pictures_behind(page: Page) -> None:
    """The browser asks first, as long as one has no answer."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    held = hold_the_first(page)
    page.locator("h1").click()  # browsers ask nobody who has done nothing
    with page.expect_request("**/explanations/**"):
        choose(page, CAT)
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    held[0].continue_()
    expect(results(page)).to_have_count(3)
    page.reload()
    expect(page.locator("[data-picture]")).to_have_count(1)
    assert len(asked) == 1


def test_hundreds_are_shown_some_at_a_time(page: Page) -> None:
    choose(page, *[file(f"{number}.txt", b"no picture") for number in range(250)])
    expect(page.locator("[data-summary]")).to_contain_text("250 failed", timeout=20_000)
    expect(page.locator("[data-picture]")).to_have_count(200)
    page.get_by_role("button", name="Show 50 more").click()
    expect(page.locator("[data-picture]")).to_have_count(250)
    expect(page.locator("[data-more]")).to_be_hidden()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("[data-pictures]")).to_be_hidden()
