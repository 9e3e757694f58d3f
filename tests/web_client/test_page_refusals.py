"""What goes wrong, in sentences."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from handler.errors import ClientError, InternalError
from scripts import ROOT, SAMPLES
from tests.service import Service
from tests.web_client.browser import (
    LANGUAGES,
    answer_once,
    choose,
    file,
    results,
    sends_the_file_itself,
    uploads,
    visit,
)

CAT, COFFEE = SAMPLES / "cat.jpg", SAMPLES / "coffee.jpg"


NO_PICTURES = {
    "note.jpg": (b"just some text", "not a picture", "不是图片"),
    "empty.jpg": (b"", "is empty", "文件是空的"),
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", "HEIC"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "SVG"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_picture(browser: Browser, service: Service, language: str) -> None:
    with visit(browser, service.url, locale=LANGUAGES[language]) as page:
        sent = uploads(page)
        for name, (data, english, chinese) in NO_PICTURES.items():
            choose(page, file(name, data))
            sentence = page.locator("[data-error]")
            expect(sentence).to_contain_text(english if language == "en" else chinese)
        assert sent == []
        choose(page, COFFEE)
        expect(results(page)).to_have_count(3)
        expect(page.locator("[data-error]")).to_be_hidden()


REFUSALS = {  # type: status, and whether trying again can help
    "too_many_pixels": (413, False),
    "unsupported_format": (415, False),
    "corrupt_picture": (422, False),
    "internal_error": (500, True),
    "teapot": (418, True),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals_are_sentences(browser: Browser, service: Service, language: str) -> None:
    statuses = "|".join(str(status) for status, _ in REFUSALS.values())
    with visit(browser, service.url, f"({statuses})", locale=LANGUAGES[language]) as page:
        error = page.locator("[data-error]")
        for kind, (status, again) in REFUSALS.items():
            body = {"code": status, "type": kind, "message": "x"}
            answer_once(page, status=status, json=body)
            choose(page, CAT)
            expect(error).to_be_visible()
            is_chinese = re.search(r"[\u4e00-\u9fff]", error.inner_text()) is not None
            assert is_chinese == (language == "zh")
            expect(page.locator("[data-retry]")).to_be_visible(visible=again)
            if again:
                page.locator("[data-retry]").click()
            else:
                choose(page, CAT)
            expect(results(page)).to_have_count(3)
            expect(error).to_be_hidden()


def test_nonsense_for_an_answer(page: Page) -> None:
    for body in ("<html>", "[]", "[{}]", "null", '{"a": 1}'):
        answer_once(page, status=200, body=body)
        choose(page, CAT)
        expect(page.locator("[data-error]")).to_contain_text("could not be understood")
        page.locator("[data-retry]").click()
        expect(results(page)).to_have_count(3)


def test_every_error_has_its_sentences(page: Page) -> None:
    """In both languages, for each `type` of the contract."""
    gateway = (ROOT / "deploy" / "gateway" / "envoy.yaml").read_text()
    types = {*re.findall(r'"type": "(\w+)"', gateway)}
    types |= {kind.type for kind in (InternalError, *ClientError.__subclasses__())}
    assert {"busy", "corrupt_picture", "internal_error", "unauthorized", "wrong_host"} <= types
    missing = page.evaluate(
        """async types => {
            const { hasProblemText, problemText } = await import("/js/strings.js");
            const both = type => ["en", "zh"].every(language =>
                problemText(language, { type, values: {} }).length > 10);
            return types.filter(type => !hasProblemText(type) || !both(type));
        }""",
        sorted(types),
    )
    assert missing == []


def test_browser_reads_the_refusal_of_a_large_body(browser: Browser, service: Service) -> None:
    send = """async () => {
        const body = new Uint8Array(6_000_000);
        const answer = await fetch("predictions/resnet18", { method: "POST", body });
        return (await answer.json()).type;
    }"""
    with visit(browser, service.url, "413") as page:
        assert page.evaluate(send) == "body_too_large"


@pytest.mark.parametrize("fault", ["callback(null)", "undefined", "throw new Error()"])
def test_a_canvas_that_gives_nothing(page: Page, fault: str) -> None:
    """As in hardened browsers: the file itself is sent."""
    page.evaluate(f"() => {{ HTMLCanvasElement.prototype.toBlob = callback => {{ {fault}; }}; }}")
    assert sends_the_file_itself(page, COFFEE)
