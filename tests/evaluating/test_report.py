import errno
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from sklearn import metrics

from handler.engines.engine import Floats
from handler.errors import UnsupportedFormat
from handler.preprocessing import Preprocessor
from handler.resizing import Pixels
from scripts import SAMPLES
from scripts.evaluating.record import by_digest, read
from scripts.evaluating.report import CurvePoint, Doubt, Report, write
from scripts.evaluating.results import Results
from tests.evaluating.markup import Balanced, text_of
from tests.evaluating.test_figures import answers

PICTURES = sorted(SAMPLES.glob("*.jpg"))
HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(2)>",
    "\"' onmouseover='alert(3)",
    "{{ 7 * 7 }}{% raw %}",
    "蚂蚁",
    "\u202egnp.eert",
    "x" * 200,
    "&lt;b&gt;",
)


def look(file: Path, class_id: int) -> tuple[Pixels, Floats]:
    heat = np.zeros((7, 7), np.float32)
    heat[class_id % 7, 3] = 1
    return Preprocessor(exact=True)(file.read_bytes()).pixels, heat


def example(results: Results, **changes: Any) -> Report:
    given: dict[str, Any] = {
        "name": "own",
        "version": "1.0",
        "precision": "fp32",
        "results": results,
        "held_out": "a fifth of each class",
        "majority": 0.25,
        "nearest_mean": 0.5,
    }
    return Report(**given | changes)


def hostile(tmp_path: Path) -> Report:
    """Everything that a report can say, in names that would rather be markup."""
    names = ["<b>bold.jpg", "a\"b'c.jpg", "gone.jpg", "蚂蚁 &amp;.jpg", "no picture.jpg"]
    files = [tmp_path / "</bdi><script>" / name for name in names]
    files[0].parent.mkdir(parents=True)
    for file, picture in zip(files[:4], PICTURES, strict=False):
        shutil.copy(picture, file)
    files[2].unlink()
    files[4].write_text("<html>")
    found = answers(60, len(HOSTILE))
    results = Results(
        HOSTILE,
        tuple(files[place % 5] for place in range(60)),
        found.digests,
        found.labels,
        found.probabilities,
    )
    return example(
        results,
        curve=[CurvePoint(5, 0.6, 0.05), CurvePoint(10, 0.7, 0.03)],
        findings=["2 files are <unreadable>."],
        doubtful=[Doubt(files[place % 5], HOSTILE[0], HOSTILE[4], 0.02) for place in range(30)],
        rejected=(0.05, 60),
        tried=[("frozen & <linear>", 0.71)],
        repeat={"command": "make teach DATA='<a>'"},
        compared="<i>Better</i> than 0.9.",
    )


def test_what_users_named_is_text(tmp_path: Path) -> None:
    write(hostile(tmp_path), tmp_path, look=look)
    html = (tmp_path / "report.html").read_text("utf-8")
    text = text_of(html)
    for name in (*HOSTILE, "<i>Better</i> than 0.9.", "2 files are <unreadable>.", "<b>bold.jpg"):
        assert name in text or name[:39] + "…" in text
    assert html.count("can no longer be read") > 1
    assert html.count("heat map") > 10
    assert len(html) < 1_500_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_finds_nothing_wrong(tmp_path: Path, browser: Browser, scheme: Any) -> None:
    write(hostile(tmp_path), tmp_path, look=look)
    page = browser.new_page(color_scheme=scheme, viewport={"width": 360, "height": 800})
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda failure: seen.append(str(failure)))
    page.on("dialog", lambda dialog: seen.append(dialog.message))
    page.on("request", lambda request: seen.append(request.url))
    address = (tmp_path / "report.html").as_uri()
    page.goto(address)
    assert [one for one in seen if not one.startswith("data:")] == [address]
    broken = "[...document.images].filter(image => !image.naturalWidth).length"
    assert page.evaluate(broken) == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator(".matrix tbody th").all_inner_texts()[4] == "蚂蚁"
    page.context.close()


def test_a_browser_reads_it_to_everyone(tmp_path: Path, browser: Browser) -> None:
    write(hostile(tmp_path), tmp_path, look=look)
    # The page's own policy lets no script in.
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    found = Axe().run(page)
    context.close()
    assert found.response["violations"] == [], found.generate_report()


def test_the_figures_are_scikit_learns(tmp_path: Path) -> None:
    results = answers(200, 4)
    write(example(results), tmp_path, "other")
    record = read(tmp_path / "other.json")
    assert record["accuracy"] == metrics.accuracy_score(results.labels, results.predictions)
    low, high = record["interval"]
    expected = (
        f"{record['accuracy']:.0%} right on 200 pictures ({low:.0%} to {high:.0%})"
        "; always saying “class 0” would be 25%, nearest mean 50%."
    )
    text = text_of((tmp_path / "other.html").read_text("utf-8"))
    expected = expected.replace("class 0", record["majority_class"])
    assert re.sub(r"(\d)%", r"\1 %", expected).replace(" % to", " to") in text
    table = {one["name"]: one for one in record["per_class"]}
    for one in table.values():
        if one["pictures"]:
            assert f"{one['right']} of {one['pictures']}, {one['recall']:.0%}"[:-1] in text
    assert [one["label"] for one in record["judged"]] == [
        results.classes[label] for label in results.labels
    ]
    rows = np.arange(200)
    np.testing.assert_allclose(
        [one["probability"] for one in record["judged"]],
        results.probabilities[rows, results.labels],
    )
    assert by_digest(record)[results.digests[7]]["file"] == "7.jpg"


def test_the_same_again_is_the_same_to_the_byte(tmp_path: Path) -> None:
    report = hostile(tmp_path)
    for stem in ("one", "two"):
        write(report, tmp_path, stem, look)
    for suffix in ("html", "json"):
        one, two = (tmp_path / f"{stem}.{suffix}" for stem in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


@pytest.mark.parametrize("count", [20, 5000])
def test_random_labels_are_called_so(tmp_path: Path, count: int) -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1], count).astype(np.float32)
    files = tuple(Path(f"{place}.jpg") for place in range(count))
    digests = tuple(map(str, range(count)))
    results = Results(("a", "b"), files, digests, random.integers(0, 2, count), probabilities)
    write(example(results, majority=0.5), tmp_path)
    assert "nothing was learnt" in (tmp_path / "report.html").read_text("utf-8")
    write(example(answers(300, 4)), tmp_path)
    assert "nothing was learnt" not in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize(("last", "says"), [(0.9, "probably still help"), (0.81, "help little")])
def test_the_curve_says_whether_more_would_help(tmp_path: Path, last: float, says: str) -> None:
    curve = [CurvePoint(500, 0.8, 0.02), CurvePoint(1000, last, 0.02)]
    write(example(answers(100, 4), curve=curve), tmp_path)
    html = (tmp_path / "report.html").read_text("utf-8")
    assert says in html
    assert "from 500 to 1,000 pictures a class" in html
    assert ">1,000</text>" in html


@pytest.mark.parametrize("classes", [2, 10, 11, 50, 51, 1000])
def test_however_many_classes(tmp_path: Path, classes: int) -> None:
    results = answers(500, classes)
    write(example(results), tmp_path)
    html = (tmp_path / "report.html").read_text("utf-8")
    Balanced(html)
    cells = re.findall(r'style="--share: [\d.]+"(?: title="[^"]*")?>(\d*)</td>', html)
    assert len(cells) == (classes**2 if classes <= 50 else 0)
    if classes <= 10:
        matrix = metrics.confusion_matrix(
            results.labels, results.predictions, labels=range(classes)
        )
        assert [int(cell or 0) for cell in cells] == matrix.ravel().tolist()


@pytest.mark.parametrize("nearest_mean", [None, 0.5])
def test_the_nearest_mean_is_explained_where_it_is_shown(
    tmp_path: Path, nearest_mean: float | None
) -> None:
    write(example(answers(100, 4), nearest_mean=nearest_mean), tmp_path)
    html = (tmp_path / "report.html").read_text("utf-8").lower()
    assert ("nearest mean" in html) == (nearest_mean is not None)


def test_nothing_held_out_is_said(tmp_path: Path) -> None:
    empty = Results(("a", "b"), (), (), np.empty(0, int), np.empty((0, 2), np.float32))
    write(example(empty), tmp_path)
    text = text_of((tmp_path / "report.html").read_text("utf-8"))
    assert "nothing is known" in text
    assert read(tmp_path / "report.json")["judged"] == []


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    found = answers(5, 3)
    file = Path("caf\udce9.jpg")  # Latin-1's, as Python reads it
    results = Results(found.classes, (file,) * 5, found.digests, found.labels, found.probabilities)
    write(example(results), tmp_path)
    Balanced((tmp_path / "report.html").read_text("utf-8"))
    assert Path(read(tmp_path / "report.json")["judged"][0]["file"]) == file


def test_what_cannot_be_replaced_leaves_nothing_half_done(tmp_path: Path) -> None:
    (tmp_path / "report.html" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError) as raised:
        write(example(answers(50, 3)), tmp_path)
    assert raised.value.errno in (errno.EISDIR, errno.ENOTEMPTY)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_picture_that_the_network_refuses(tmp_path: Path) -> None:
    def refuse(_file: Path, _class_id: int) -> tuple[Pixels, Floats]:
        raise UnsupportedFormat

    found = answers(5, 3)
    results = Results(
        found.classes, (PICTURES[0],) * 5, found.digests, found.labels, found.probabilities
    )
    write(example(results), tmp_path, look=refuse)
    assert 'alt="heat map"' not in (tmp_path / "report.html").read_text("utf-8")
