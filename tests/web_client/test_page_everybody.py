"""The page for everybody: sizes, languages, themes, keyboard, screen reader, reduced motion."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from scripts import SAMPLES
from tests.service import Service
from tests.web_client.browser import LANGUAGES, choose, file, results, until, visit

SIZES = {"phone": (320, 640), "tablet": (768, 1024), "desktop": (1440, 900)}
CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"


def assert_accessible(page: Page) -> None:
    # Text that is just fading in has less contrast.
    until(page, "document.getAnimations().every(one => one.playState === 'finished')")
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


def assert_fits(page: Page) -> None:
    """No sideways scrolling, and nothing too small for a finger (WCAG 2.2, 2.5.8)."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, [role=button]")]
            .filter(node => node.checkVisibility())
            .map(node => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
            .filter(([, { width, height }]) => width < 24 || height < 24)
            .map(([html]) => html)"""
    )
    assert small == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_in_each_state(
    browser: Browser, service: Service, size: str, language: str, theme: str
) -> None:
    width, height = SIZES[size]
    options: dict[str, Any] = {
        "viewport": {"width": width, "height": height},
        "locale": LANGUAGES[language],
        "color_scheme": theme,
    }
    with visit(browser, service.url, **options) as page:
        expect(page.locator("html")).to_have_attribute(
            "lang", {"en": "en", "zh": "zh-Hans"}[language]
        )
        assert_fits(page)
        pictures = [file(path.name, path.read_bytes()) for path in (CAT, COFFEE)]
        choose(page, pictures[0], file("note.jpg", b"text"), pictures[1])
        expect(page.locator("[data-confidence]").filter(has_text="%")).to_have_count(2)
        results(page).first.get_by_role("button").click()
        expect(page.locator("[data-heatmap]")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)
        page.locator("[data-select]").nth(1).click()
        expect(page.locator("[data-error]")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)


def test_camera_dialog_is_accessible(page: Page) -> None:
    page.locator("[data-photo]").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("[data-take]")).to_be_enabled()
    assert_accessible(page)
    page.keyboard.press("Escape")


def test_language_is_switched_without_a_request_and_remembered(page: Page) -> None:
    choose(page, CAT)
    expect(results(page)).to_have_count(3)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.locator("button[data-language=zh]").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page).to_have_title("图片里是什么？")
    expect(results(page)).to_have_count(3)
    assert requests == []
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-TW", "zh-Hans"), ("zh", "zh-Hans"), ("fr-FR", "en")]
)
def test_the_browsers_language_comes_first(
    browser: Browser, service: Service, locale: str, language: str
) -> None:
    with visit(browser, service.url, locale=locale) as page:
        expect(page.locator("html")).to_have_attribute("lang", language)


def focused(page: Page) -> dict[str, Any]:
    """What has the focus, and the width of the line around it in CSS pixels."""
    found: dict[str, Any] = page.evaluate(
        """() => {
            const node = document.activeElement;
            const style = getComputedStyle(node);
            return {
                ...node.dataset,
                tag: node.tagName,
                text: node.textContent,
                line: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
            };
        }"""
    )
    return found


def tab_to(page: Page, hook: str, backwards: bool = False) -> None:
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        found = focused(page)
        if found["tag"] != "BODY":
            assert found["line"] >= 2, found  # visible
        if hook in found:
            return
    raise AssertionError(f"no {hook} within reach of the Tab key")


def test_by_keyboard_alone(page: Page) -> None:
    page.locator("body").focus()
    tab_to(page, "language")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    tab_to(page, "language")
    page.keyboard.press("Space")
    expect(page.locator("html")).to_have_attribute("lang", "en")

    tab_to(page, "choose")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(CAT)
    expect(results(page)).to_have_count(3)

    tab_to(page, "sample")
    page.keyboard.press("Enter")
    expect(page.locator("[data-picture]")).to_have_count(2)
    expect(results(page)).to_have_count(3)

    tab_to(page, "guess", backwards=True)
    expect(page.locator("[data-heatmap]")).to_be_visible()
    page.keyboard.press("Enter")
    tab_to(page, "opacity", backwards=True)
    page.keyboard.press("Home")
    assert page.locator("[data-heatmap]").evaluate("node => node.style.opacity") == "0.2"

    tab_to(page, "topK")
    page.keyboard.press("5")
    expect(results(page)).to_have_count(5)
    tab_to(page, "select")
    page.keyboard.press("Enter")
    tab_to(page, "clear", backwards=True)
    page.keyboard.press("Enter")
    expect(page.locator("[data-pictures]")).to_be_hidden()
    assert "choose" in focused(page)


def test_the_answer_is_announced(page: Page) -> None:
    status = page.locator("[data-status]")
    assert status.get_attribute("role") == "status"
    expect(status).to_have_text("The best guesses appear here.")
    choose(page, COFFEE)
    expect(status).to_contain_text("espresso")
    # A new error is an alert.
    choose(page, file("note.jpg", b"text"))
    expect(page.get_by_role("alert")).to_contain_text("not a picture")
    expect(status).to_have_text("")


def test_other_languages_names_are_marked(page: Page) -> None:
    choose(page, COFFEE)
    names = results(page).first.locator(".names > span")
    expect(names.first).to_have_attribute("lang", "en")
    expect(names.last).to_have_attribute("lang", "zh-Hans")


def test_reduced_motion(browser: Browser, service: Service) -> None:
    with visit(browser, service.url, reduced_motion="reduce") as page:
        choose(page, COFFEE)
        expect(results(page)).to_have_count(3)
        assert page.evaluate("document.getAnimations().length") == 0


def test_forced_colours(browser: Browser, service: Service) -> None:
    """Bars are drawn in a colour of the user's own where the browser replaces all of ours."""
    with visit(browser, service.url, forced_colors="active") as page:
        choose(page, COFFEE)
        bar = results(page).first.locator("[data-bar]")
        expect(bar).to_be_visible()
        colours = bar.evaluate(
            "bar => [bar, bar.parentElement].map(node => getComputedStyle(node).backgroundColor)"
        )
        assert colours[0] != colours[1]
