"""Make the pictures that the project shows: the samples' thumbnails, and the page for the README.

The page is photographed in Chromium, as the running service shows it (make start).
"""

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from client.errors import ServiceError
from scripts import ROOT, SAMPLES
from scripts.development import find_tools
from scripts.serving.management import running
from scripts.serving.run_directory import DEFAULT, RunDirectory

THUMB = (240, 180)  # pixels, twice what the page's smallest column shows
THUMB_QUALITY = 60  # six of them are a third of what the page loads first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    make_thumbnails()
    try:
        url = running(RunDirectory(DEFAULT)).local_url
    except ServiceError as error:
        print(f"pictures: {error}", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        browser = playwright.chromium.launch(executable_path=find_tools.chromium(), args=arguments)
        photograph(browser, url, options.output)
        browser.close()
    return 0


def make_thumbnails() -> None:
    folder = SAMPLES.parent / "thumbs"
    folder.mkdir(exist_ok=True)
    for path in sorted(SAMPLES.glob("*.jpg")):
        thumb = ImageOps.fit(Image.open(path).convert("RGB"), THUMB, Image.Resampling.LANCZOS)
        thumb.save(folder / f"{path.stem}.webp", quality=THUMB_QUALITY, method=6)


def photograph(browser: Browser, url: str, output: Path) -> None:
    desktop: ViewportSize = {"width": 1200, "height": 1000}
    # So that the times shown are not those of a service that has just started.
    page = browser.new_page()
    page.goto(url)
    show(page, *[path.name for path in sorted(SAMPLES.glob("*.jpg"))] * 5)
    page.close()

    page = browser.new_page(locale="en-GB", viewport=desktop, color_scheme="light")
    page.goto(url)
    show(page, "coffee.jpg", "temple.jpg", "cat.jpg")
    page.screenshot(path=output / "page.png")
    page.close()

    page = browser.new_page(locale="en-GB", viewport=desktop, color_scheme="dark")
    page.goto(url)
    show(page, "flower.jpg", "astronaut.jpg")
    show_map(page)
    page.screenshot(path=output / "dark.png")
    page.close()

    page = browser.new_page(locale="en-GB", viewport=desktop, color_scheme="light")
    page.goto(url)
    show(page, "cat.jpg")
    show_map(page)
    page.locator("[data-preview]").locator("xpath=ancestor::section").screenshot(
        path=output / "heat_map.png"
    )
    page.close()

    context = browser.new_context(
        locale="zh-CN",
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
    )
    page = context.new_page()
    page.goto(url)
    show(page, "coffee.jpg")
    page.screenshot(path=output / "phone.png")
    context.close()


def show(page: Page, *names: str) -> None:
    """Choose samples, the last of which is then on the stage, and wait for all answers."""
    for name in names:
        page.locator("[data-file]").set_input_files(SAMPLES / name)
    expect(page.locator("[data-confidence]").filter(has_text="%")).to_have_count(len(names))
    expect(page.locator("[data-results] > li")).to_have_count(3)
    page.evaluate("Promise.all(document.getAnimations().map(one => one.finished)).then(() => {})")
    page.mouse.move(0, 0)


def show_map(page: Page) -> None:
    page.locator("[data-guess]").first.click()
    page.mouse.move(0, 0)
    expect(page.locator("[data-heatmap]")).to_be_visible()


if __name__ == "__main__":
    sys.exit(main())
