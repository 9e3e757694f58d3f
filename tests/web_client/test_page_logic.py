"""The page's pure functions, run in the Chromium that the page runs in, against others' code."""

import csv
import io
import json
import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page

from client.output import Csv
from handler.formats import picture_format
from handler.timing import Timing, server_timing
from scripts import SAMPLES
from tests.service import Service
from tests.web_client.browser import LANGUAGES, encoded, visit


@pytest.fixture(scope="module")
def page(browser: Browser, service: Service) -> Iterator[Page]:
    with visit(browser, service.url) as page:
        yield page


def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    return page.evaluate(
        """async ([module, name, given]) => {
            const { [name]: called } = await import(`/js/${module}.js`);
            const result = await called(...given);
            return result instanceof Float32Array ? [...result] : result;
        }""",
        [module, function, list(arguments)],
    )


def check(page: Page, function: str, module: str, data: bytes, format: str = "") -> Any:
    """A function that takes a file; a Problem is returned as its type."""
    return page.evaluate(
        """async ([module, name, data, format]) => {
            const { [name]: called } = await import(`/js/${module}.js`);
            try {
                return await called(new File([new Uint8Array(data)], "a"), format);
            } catch (problem) {
                return problem.type;
            }
        }""",
        [module, function, list(data), format],
    )


def picture() -> Image.Image:
    return Image.open(SAMPLES / "coffee.jpg").resize((48, 32))


FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]


@pytest.mark.parametrize("format", FORMATS)
def test_formats_are_those_of_the_service(page: Page, format: str) -> None:
    data = encoded(picture(), format)
    assert check(page, "checkedFormat", "picture", data) == picture_format(data) == format


@pytest.mark.parametrize(
    "data", [b"", b"text", b"GIF88a", b"RIFF0000WAVE", b"%PDF-1.7", b"\xff\xd8", b"BM"]
)
def test_what_the_service_refuses_is_refused(page: Page, data: bytes) -> None:
    refused = check(page, "checkedFormat", "picture", data) in ("empty_body", "not_a_picture")
    assert refused == (picture_format(data) is None)


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations(page: Page, format: str, frames: int) -> None:
    images = [picture().rotate(30 * i) for i in range(frames)]
    data = encoded(images[0], format, save_all=frames > 1, append_images=images[1:])
    expected = getattr(Image.open(io.BytesIO(data)), "is_animated", False)
    assert expected == (frames > 1)
    assert check(page, "isAnimated", "animation", data, format) == expected


def test_comments_and_palettes_are_no_frames(page: Page) -> None:
    """In a GIF's comment may be the bytes that frames begin with."""
    data = encoded(picture(), "GIF", comment=b"\x2c\x21\xf9\x04" * 50)
    assert check(page, "isAnimated", "animation", data, "GIF") is False


@pytest.mark.parametrize("cut", range(6, 120, 3))
def test_cut_off_gifs_end(page: Page, cut: int) -> None:
    data = encoded(picture(), "GIF", save_all=True, append_images=[picture().rotate(90)])[:cut]
    assert check(page, "isAnimated", "animation", data, "GIF") is False


@pytest.mark.parametrize("seed", range(3))
def test_upsampling_is_pytorchs(page: Page, seed: int) -> None:
    map = np.random.default_rng(seed).random((7, 7), np.float32).round(3)
    expected = torch.nn.functional.interpolate(
        torch.tensor(map)[None, None], size=(112, 112), mode="bicubic", align_corners=False
    )[0, 0].clamp(0, 1)
    actual = np.reshape(call(page, "heatmap", "upsampled", map.tolist(), 112), (112, 112))
    assert np.abs(actual - expected.numpy()).max() < 1e-5


def test_colours_rise_in_lightness(page: Page) -> None:
    """So that they can be told apart without seeing their hue."""
    linear = [
        [(c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4)
         for c in call(page, "heatmap", "colour", step / 40)]
        for step in range(41)
    ]  # fmt: skip
    luminance = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear]  # WCAG 2.2
    assert all(later > earlier for earlier, later in pairwise(luminance))
    assert (luminance[-1] + 0.05) / (luminance[0] + 0.05) > 10


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("column", range(3))
def test_whereabouts(page: Page, row: int, column: int) -> None:
    map = np.zeros((7, 7))
    map[(1, 3, 5)[row], (1, 3, 5)[column]] = 1
    word = call(page, "heatmap", "whereabouts", map.tolist())
    assert word == f"{('top', 'middle', 'bottom')[row]}_{('left', 'centre', 'right')[column]}"
    assert call(page, "heatmap", "whereabouts", np.zeros((7, 7)).tolist()) is None


def test_both_languages_say_the_same_things(page: Page) -> None:
    words = page.evaluate(
        """async () => {
            const { STRINGS, PROBLEMS } = await import("/js/strings.js");
            return [STRINGS, PROBLEMS].map(({ en, zh }) => [en, zh].map(one =>
                Object.entries(one).map(([key, sentence]) =>
                    [key, (sentence.match(/\\{\\w+\\}/g) ?? []).sort()]).sort()));
        }"""
    )
    for english, chinese in words:
        # The same words with the same gaps to fill.
        assert english == chinese


@pytest.mark.parametrize(
    ("share", "english"),
    [(0, "<0.1%"), (0.0004, "<0.1%"), (0.5, "50.0%"), (0.12345, "12.3%"), (0.99999, ">99.9%")],
)
def test_percent(page: Page, share: float, english: str) -> None:
    assert call(page, "guess", "percent", share, "en") == english


@pytest.mark.parametrize(
    ("share", "english"), [(1, ">99%"), (0.994, "99%"), (0.961, "96%"), (0.004, "<1%")]
)
def test_percent_in_short(page: Page, share: float, english: str) -> None:
    assert call(page, "guess", "percent", share, "en", 0) == english


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5),
        ("0", 1),
        (None, 2),
        ("soon", 2),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("86400", 60),
    ],
)
def test_retry_after(page: Page, header: str | None, seconds: int) -> None:
    assert call(page, "api", "retryAfter", header) == seconds


def test_server_timing_is_the_handlers(page: Page) -> None:
    timing = Timing(idle_since=0)
    with timing.stage("preprocess"):
        pass
    with timing.stage("inference"):
        pass
    shares = call(page, "api", "serverTiming", server_timing(timing.waits("0") | timing.stages))
    assert shares["queue"] > 1e9
    assert 0 <= shares["model"] < 1
    for header in (None, "nonsense;dur=x"):
        assert call(page, "api", "serverTiming", header) == {"queue": None, "model": None}


NAMES = [
    "a.jpg",
    "it's.jpg",
    'say "a".jpg',
    "$(reboot).jpg",
    "`id`.jpg",
    "a\nb.jpg",
    "-x.jpg",
    "猫 1.jpg",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", [True, False])
def test_curl_is_quoted(page: Page, name: str, key: bool) -> None:
    picture = {"name": name, "items": [{}, {}], "model": {"name": "ants"}}
    command = call(page, "export", "asCurl", picture, 3, "http://[::1]:8000/a/", key)
    words = shlex.split(command)
    assert words[-2:] == [f"@{name}", "http://[::1]:8000/a/predictions/ants?top_k=2"]
    assert words[:-2] == ["curl"] + ["-H", "Authorization: Bearer $ACCESS_KEY"] * key + [
        "--data-binary"
    ]


@pytest.mark.parametrize("name", [*NAMES, "=1+1", "+1", "@a", "\t=1", 'a,"b"\r\n'])
def test_csv_is_read_back(page: Page, name: str) -> None:
    item = {"class": "a, b", "class_zh": None, "class_id": 7, "wnid": "n1", "confidence": 0.25,
            "heatmap": [[0]]}  # fmt: skip
    item["none_of_these"] = 0.5
    done = {"name": name, "phase": "done", "items": [item], "model": {"name": "ants"}}
    failed = {"name": name, "phase": "failed", "problem": {"type": "svg", "values": {"name": "=x"}}}
    text = call(page, "export", "asCsv", [done, failed], 3, "en")
    header = Csv(3, "resnet18").header()  # as classify.py --csv
    assert text.startswith(header.removeprefix("\ufeff"))
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert first["file"].removeprefix("'") == name
    assert first["file"][0] not in "=+-@\t"
    assert (first["class"], first["class_zh"], first["confidence"]) == ("a, b", "", "0.25")
    assert (first["model"], first["none_of_these"], second["model"]) == ("ants", "0.5", "")
    assert "SVG" in second["error"]


def test_json_has_no_heat_maps(page: Page) -> None:
    items = [{"class": str(i), "confidence": 0.1, "heatmap": [[0]]} for i in range(5)]
    text = call(page, "export", "asJson", {"items": items}, 2)
    assert json.loads(text) == [{"class": str(i), "confidence": 0.1} for i in range(2)]


def test_cranes_are_told_apart(page: Page, service: Service) -> None:
    """Two classes share an English name: 134 is the bird, 517 the machine."""
    labels = (SAMPLES.parent.parent / "handler" / "imagenet_classes.tsv").read_text().splitlines()
    names = [labels[i].split("\t")[:2] for i in (134, 517)]
    guesses = [
        {"class": en, "class_zh": zh, "class_id": i, "wnid": None, "confidence": 0.5}
        for i, (en, zh) in zip((134, 517), names, strict=True)
    ]
    for language in LANGUAGES:
        texts = page.evaluate(
            """async ([guesses, language]) => {
                const { guessItem } = await import("/js/guess.js");
                return guesses.map(guess => guessItem(guess, language).textContent);
            }""",
            [guesses, language],
        )
        assert texts[0] != texts[1]
