from collections.abc import Sequence

import pytest

from handler.errors import BadTopK, ClientError, ContradictingTopK, UnknownParameter
from handler.parameters import HEADER, MAX_QUERY, QUERY, read_top_k


def top_k(query: str | None = None, header: str | None = None, *in_body: object) -> int:
    headers = {name: text for name, text in ((QUERY, query), (HEADER, header)) if text is not None}
    return read_top_k(headers, in_body, 3, 1000)


NUMBERS = [("1", 1), ("5", 5), ("007", 7), ("1000", 1000)]
BAD = ["0", "1001", "x", "", "³", "\u0663", "-1", "1e3", "3.0", "1_0", "9" * 5000]


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_top_k_from_the_client(text: str, number: int) -> None:
    assert top_k(query=f"top_k={text}") == number
    assert top_k(header=text) == number
    assert top_k(None, None, text) == top_k(None, None, text.encode()) == number
    assert top_k(None, None, int(text)) == number


@pytest.mark.parametrize("text", [*BAD, " 3", "3 ", "+3"])
def test_bad_top_k(text: str) -> None:
    with pytest.raises(BadTopK, match="a whole number from 1 to 1000"):
        top_k(header=text)
    with pytest.raises(BadTopK):
        top_k(None, None, text)
    if len(text) < MAX_QUERY:
        with pytest.raises(BadTopK):
            top_k(query=f"top_k={text}")


@pytest.mark.parametrize("value", [True, 5.0, [5], {}, 0, -1, 10**400])
def test_bad_top_k_in_json(value: object) -> None:
    with pytest.raises(BadTopK):
        top_k(None, None, value)


@pytest.mark.parametrize(
    "query", ["top_k=%35", "top%5Fk=5", "top_k=5&", "&top_k=5", "top_k=5&top_k=5"]
)
def test_spellings_in_a_query(query: str) -> None:
    assert top_k(query) == 5


@pytest.mark.parametrize(
    "given", [("top_k=3", "5"), ("top_k=3&top_k=5",), (None, "3", 5), ("top_k=3", None, "4")]
)
def test_who_says_two_things_is_asked_again(given: Sequence[str]) -> None:
    with pytest.raises(ContradictingTopK) as caught:
        top_k(*given)
    assert caught.value.type == "bad_top_k"


def test_the_same_said_everywhere_is_no_contradiction() -> None:
    assert top_k("top_k=5", "5", b"5", 5) == 5


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("topk=5", "a parameter 'topk'"),
        ("top=1", "a parameter 'top'"),
        ("TOP_K=5", "a parameter 'TOP_K'"),
        ("top_k=5&x", "a parameter 'x'"),
        ("%0a[METRICS]=1", "an unknown parameter"),
        ("=5", "an unknown parameter"),
        ("top_k=5".ljust(MAX_QUERY + 1, "&"), "an unknown parameter"),
    ],
)
def test_other_parameters(query: str, named: str) -> None:
    with pytest.raises(UnknownParameter, match=named) as caught:
        top_k(query)
    assert (caught.value.status, caught.value.type) == (400, "bad_request")
    assert "top_k" in str(caught.value)


@pytest.mark.parametrize(("classes", "expected"), [(1000, 3), (3, 3), (2, 2), (1, 1)])
def test_default_top_k_is_at_most_the_number_of_classes(classes: int, expected: int) -> None:
    assert read_top_k({}, (), 3, classes) == expected


def test_top_k_is_limited_by_a_small_classifier() -> None:
    with pytest.raises(ClientError, match="from 1 to 2"):
        read_top_k({HEADER: "3"}, (), 3, 2)
