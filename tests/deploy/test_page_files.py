"""The page's files are answers of the gateway: these, and no others."""

import mimetypes

import pytest
import requests

from scripts import ROOT
from tests.deploy.exchange import ask
from tests.service import Service, error

PAGE = ROOT / "web_client"
FILES = sorted(path for path in PAGE.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_is_what_lies_on_the_disk(service: Service, path: object) -> None:
    assert isinstance(path, type(PAGE))
    url = f"{service.url}/{path.relative_to(PAGE).as_posix()}"
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, answer.content) == (200, path.read_bytes())
    kind = mimetypes.guess_type(path)[0] or "text/plain"
    assert answer.headers["content-type"].split(";")[0] in (kind, "image/webp", "text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    known = requests.get(url, headers={"If-None-Match": answer.headers["etag"]}, timeout=10)
    assert (known.status_code, known.content) == (304, b"")
    head = requests.head(url, timeout=10)
    assert (head.status_code, head.content, head.headers["etag"]) == (
        200,
        b"",
        answer.headers["etag"],
    )
    assert error(requests.put(url, b"x", timeout=10)) == (405, "method_not_allowed")


def test_the_first_page(service: Service) -> None:
    for target in ("/", "/?a=b", "/index.html"):
        answer = requests.get(service.url + target, timeout=10)
        assert answer.content == (PAGE / "index.html").read_bytes()
    other = {"If-None-Match": '"other"'}
    assert requests.get(service.url, headers=other, timeout=10).status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "/index.html%00.jpg",
        "/js/%00app.js",
        "/js%2fapp.js",
        "/js/",
        "/js",
        "/JS/app.js",
        "/js/app.js/",
        "//js/app.js",
        "/js/../js/app.js",
        "/js/./app.js",
        "/js/app%2ejs",
        "/js\\app.js",
        "/index.html;x",
    ],
)
def test_no_other_spelling(service: Service, target: str) -> None:
    assert error(ask(service, "GET", target)) in ((404, "not_found"), (400, "bad_request"))
