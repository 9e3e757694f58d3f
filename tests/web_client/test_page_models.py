"""The page asks what is served: its choice, words, samples and figures come from the answer."""

import csv
import io
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts import SAMPLES
from tests.archives import TWO_KINDS
from tests.service import Service, started
from tests.web_client.browser import choose, results, until, uploads, visit
from tests.web_client.test_page_everybody import LANGUAGES, assert_accessible, assert_fits

CAT, TEMPLE = SAMPLES / "cat.jpg", SAMPLES / "temple.jpg"
KEY = "0123456789abcdef"


@pytest.fixture
def page(browser: Browser, two_kinds_service: Service) -> Iterator[Page]:
    """Of the model of two kinds."""
    with visit(browser, two_kinds_service.url, samples=2) as page:
        yield page


def test_a_model_alone_is_no_choice(page: Page) -> None:
    expect(page.locator("[data-choice]")).to_be_hidden()
    expect(page.locator("[data-lead]")).to_contain_text("which of 2 kinds")
    about = page.locator("[data-about]")
    expect(about).to_contain_text(f"The model “{TWO_KINDS}” knows 2 kinds: cat, coffee.")
    expect(about).to_contain_text("96.1% of 153 pictures")
    expect(about).to_contain_text("91.7% to 98.2%")
    sent = uploads(page)
    choose(page, CAT)
    expect(results(page)).to_have_count(2)
    assert [(one.url.rpartition("/")[2], one.headers["x-top-k"]) for one in sent] == [
        (TWO_KINDS, "2")
    ]
    status = page.locator("[data-status]")
    expect(status).to_contain_text("cat")
    expect(status).to_contain_text("knows only 2 kinds")
    expect(page.locator("[data-top-k] option:enabled")).to_have_text(["1", "2"])
    expect(page.locator("[data-wnids]")).to_be_hidden()
    page.locator("button[data-language=zh]").click()
    expect(status).to_contain_text("只认识 2 种")
    expect(about).to_contain_text("认识 2 种：猫、coffee。")


def test_its_own_samples(page: Page) -> None:
    buttons = page.locator("[data-sample]")
    expect(buttons).to_have_text(["cat", "coffee"])
    until(page, "[...document.querySelectorAll('[data-sample] img')].every(i => i.naturalWidth)")
    assert page.evaluate("watched.urls.size") == 0
    for index, name in enumerate(("cat", "coffee")):
        buttons.nth(index).click()
        expect(page.locator("[data-caption]")).to_have_text(name)
        expect(page.locator("[data-status] .headline")).to_have_text(name)
    page.locator("button[data-language=zh]").click()
    expect(buttons).to_have_text(["猫", "coffee"])


def test_none_of_these(page: Page) -> None:
    """It is said, and not praised: not in the answer, nor in the table or the CSV."""
    choose(page, TEMPLE, CAT)
    status, table = page.locator("[data-status]"), page.locator("[data-rows]")
    expect(status).to_contain_text("Probably none of the 2 kinds this model knows")
    expect(status).to_contain_text("of its own pictures look more like these kinds")
    expect(table).to_contain_text("Probably none of its 2 kinds")
    expect(page.locator("[data-confidence]").filter(has_text="%")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    temple, cat = csv.DictReader(io.StringIO(text))
    assert temple["model"] == cat["model"] == TWO_KINDS
    assert float(temple["none_of_these"]) >= 0.95 > float(cat["none_of_these"])
    page.locator("button[data-language=zh]").click()
    expect(status).to_contain_text("很可能不属于此模型认识的 2 种")
    expect(table).to_contain_text("很可能不属于这 2 种")
    until(page, "sessionStorage.length === 2")
    page.reload()
    expect(status).to_contain_text("很可能不属于此模型认识的 2 种")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_for_everybody(
    browser: Browser, two_kinds_service: Service, language: str, theme: str
) -> None:
    size = {"width": 320, "height": 640}
    options = {"viewport": size, "locale": LANGUAGES[language], "color_scheme": theme}
    with visit(browser, two_kinds_service.url, samples=2, **options) as page:
        choose(page, TEMPLE)
        expect(results(page)).to_have_count(2)
        assert_accessible(page)
        assert_fits(page)


def test_a_key_is_not_asked_for_before_a_picture_needs_it(
    browser: Browser, two_kinds: Path, tmp_path: Path
) -> None:
    """Until it is given the page is as of a service without a list; then all comes by itself."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ACCESS_KEY", KEY)
            service = stack.enter_context(started(two_kinds, tmp_path / "run"))
        page = stack.enter_context(visit(browser, service.url, "401"))
        field = page.get_by_label("Access key")
        expect(field).to_be_hidden()
        expect(page.locator("[data-about]")).to_contain_text("1,000 kinds")
        choose(page, CAT)
        field.fill("wrong")
        field.press("Enter")
        expect(page.locator("[data-error]")).to_contain_text("did not accept this key")
        field.fill(KEY)
        field.press("Enter")
        expect(results(page)).to_have_count(2)
        expect(page.locator("[data-about]")).to_contain_text("2 kinds")
        expect(page.locator("[data-sample]")).to_have_text(["cat", "coffee"])
        pictures = "[...document.querySelectorAll('[data-sample] img')]"
        until(page, f"{pictures}.every(image => image.naturalWidth)")
        page.locator("[data-sample]").last.click()
        expect(page.locator("[data-status] .headline")).to_have_text("coffee")


@pytest.mark.parametrize(("status", "body"), [(404, ""), (200, "{}"), (200, "<"), (503, "")])
def test_where_there_is_no_list(browser: Browser, service: Service, status: int, body: str) -> None:
    """As of an older service: the page is as it was."""
    with visit(browser, "about:blank", "(404|503)", samples=0) as page:
        page.route("**/models?*", lambda route: route.fulfill(status=status, body=body))
        page.goto(service.url)
        expect(page.locator("[data-sample]")).to_have_count(6)
        expect(page.locator("[data-about]")).to_contain_text("1,000 kinds")
        choose(page, CAT)
        expect(results(page)).to_have_count(3)


def test_a_model_that_is_gone(browser: Browser, two_kinds_service: Service) -> None:
    """Another is served at the address since the page was loaded."""
    rename = "import('/js/store.js').then(({ state }) => { state.models[0].name = 'gone'; })"
    with visit(browser, two_kinds_service.url, "404", samples=2) as page:
        page.evaluate(rename)
        choose(page, CAT)
        expect(page.locator("[data-error]")).to_contain_text("“gone” is no longer served")
        page.get_by_role("button", name="Try again", exact=True).click()
        expect(results(page)).to_have_count(2)


@pytest.fixture(scope="module")
def both(
    archive: Path, two_kinds: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Beside each other, ImageNet's the first."""
    store = tmp_path_factory.mktemp("store")
    for path in (archive, two_kinds):
        shutil.copyfile(path, store / path.name)
    models = f"resnet18,{TWO_KINDS}"
    run = tmp_path_factory.mktemp("run")
    with started(store / archive.name, run, "--models", models) as service:
        yield service


def test_a_choice(browser: Browser, both: Service) -> None:
    """It decides who answers, what is said, and which samples there are; and it is remembered."""
    with visit(browser, both.url) as page:
        choice = page.get_by_label("Model")
        options = ["resnet18 · 1,000 classes", f"{TWO_KINDS} · 2 classes · 96%"]
        expect(choice.locator("option")).to_have_text(options)
        expect(page.locator("[data-about]")).to_contain_text("1,000 kinds")
        choose(page, CAT)
        expect(results(page)).to_have_count(3)
        expect(page.locator("[data-timing]")).to_contain_text("resnet18 · ")

        choice.select_option(TWO_KINDS)
        expect(page.locator("[data-about]")).to_contain_text("knows 2 kinds")
        expect(page.locator("[data-sample]")).to_have_text(["cat", "coffee"])
        expect(results(page)).to_have_count(3)  # what was answered stays
        expect(page.locator("[data-status]")).to_contain_text("1,000 kinds")
        choose(page, CAT)
        expect(results(page)).to_have_count(2)
        expect(page.locator("[data-timing]")).to_contain_text(f"{TWO_KINDS} · ")
        expect(page.locator("[data-rows] .by")).to_have_text([TWO_KINDS, "resnet18"])
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        rows = csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig")))
        assert [row["model"] for row in rows] == ["resnet18", TWO_KINDS]

        until(page, "sessionStorage.length === 2")
        page.reload()
        expect(choice).to_have_value(TWO_KINDS)
        expect(page.locator("[data-rows] .by")).to_have_text([TWO_KINDS, "resnet18"])
        page.locator("button[data-language=zh]").click()
        expect(page.get_by_label("模型").locator("option").last).to_have_text(
            f"{TWO_KINDS} · 2 类 · 96%"
        )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_choice_is_for_everybody(browser: Browser, both: Service, theme: str) -> None:
    size = {"width": 320, "height": 640}
    with visit(browser, both.url, viewport=size, color_scheme=theme) as page:
        page.get_by_label("Model").select_option(TWO_KINDS)
        choose(page, CAT)
        expect(results(page)).to_have_count(2)
        assert_accessible(page)
        assert_fits(page)


def test_one_that_is_away_holds_up_no_other(browser: Browser, both: Service) -> None:
    with visit(browser, both.url, "503") as page:
        page.route(
            f"**/explanations/{TWO_KINDS}",
            lambda route: route.fulfill(status=503, headers={"Retry-After": "60"}),
            times=1,
        )
        page.get_by_label("Model").select_option(TWO_KINDS)
        choose(page, CAT, TEMPLE)
        expect(page.locator("[data-service]")).to_be_visible()
        page.get_by_label("Model").select_option("resnet18")
        choose(page, CAT)
        expect(results(page)).to_have_count(3)
        expect(page.locator("[data-service]")).to_be_visible()
        page.get_by_role("button", name="Try now").click()
        expect(page.locator("[data-summary]")).to_contain_text("3 of 3 answered")
        expect(page.locator("[data-service]")).to_be_hidden()
