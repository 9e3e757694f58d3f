"""Filling in the gateway's configuration: every value stays where it belongs."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scripts.serving.template import filled


def fill(text: str, tmp_path: Path, **values: object) -> dict[str, Any]:
    (tmp_path / "t.yaml").write_text("definitions: {}\n" + text)
    return filled(tmp_path / "t.yaml", values)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "t.yaml"
    path.write_text('definitions: {}\na: {b: "${TEXT}", c: ["before ${TEXT} after"], d: 1}\n')
    return path


@given(st.text())
def test_no_text_leaves_its_place(template: Path, text: str) -> None:
    expected = {"a": {"b": text, "c": [f"before {text} after"], "d": 1}}
    assert filled(template, {"TEXT": text}) == expected


def test_a_whole_value_keeps_its_type(tmp_path: Path) -> None:
    assert fill('a: "${N}"\nb: "${N}s"', tmp_path, N=5) == {"a": 5, "b": "5s"}


def test_a_place_without_a_value_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        fill('a: "${NOTHING}"', tmp_path)


@pytest.mark.parametrize("value", [None, False, ""])
def test_what_has_no_value_is_left_out(tmp_path: Path, value: object) -> None:
    text = 'a: {when: "${X}", b: 1}\nc: [{when: "${X}", d: 1}, {e: 2}]'
    assert fill(text, tmp_path, X=value) == {"c": [{"e": 2}]}
    assert fill(text, tmp_path, X="yes") == {"a": {"b": 1}, "c": [{"d": 1}, {"e": 2}]}


def test_a_list_becomes_items(tmp_path: Path) -> None:
    assert fill('a: [1, "${MORE}", 4]', tmp_path, MORE=[2, 3]) == {"a": [1, 2, 3, 4]}


def test_one_for_each_with_values_of_its_own(tmp_path: Path) -> None:
    text = 'a: [{first: 1}, {for_each: "${EACH}", b: "${X} of ${ALL}", c: {d: "${X}"}}]'
    values = {"ALL": 2, "EACH": [{"X": "x"}, {"X": "y"}]}
    expected = [{"first": 1}] + [{"b": f"{x} of 2", "c": {"d": x}} for x in "xy"]
    assert fill(text, tmp_path, **values) == {"a": expected}
    assert fill(text, tmp_path, ALL=0, EACH=[]) == {"a": [{"first": 1}]}


def test_tags(tmp_path: Path) -> None:
    text = "m: !a.b.v3.C {d: 1}\ns: [!status 413, !status 5xx, !status below 500]"
    result = fill(text, tmp_path)
    assert result["m"] == {"@type": "type.googleapis.com/envoy.extensions.a.b.v3.C", "d": 1}
    comparisons = [one["status_code_filter"]["comparison"] for one in result["s"]]
    assert [(one["op"], one["value"]["default_value"]) for one in comparisons] == [
        ("EQ", 413),
        ("GE", 500),
        ("LE", 499),
    ]


def test_a_refusal_has_a_twin_that_reads_small_bodies(tmp_path: Path) -> None:
    text = "routes: [!refusal {match: {prefix: /}, direct_response: {status: 404}}]"
    twin, route = fill(text, tmp_path, FIRST_LARGE_BODY=7)["routes"]
    assert route == {"match": {"prefix": "/"}, "direct_response": {"status": 404}}
    assert twin["direct_response"] == route["direct_response"]
    (length,) = twin["match"]["headers"]
    assert length == {"name": "content-length", "range_match": {"start": 0, "end": 7}}
    buffer = twin["typed_per_filter_config"]["envoy.filters.http.buffer"]["buffer"]
    assert buffer == {"max_request_bytes": 7}


def test_only_what_yaml_knows_safely(tmp_path: Path) -> None:
    with pytest.raises(yaml.YAMLError):
        fill("a: !!python/object/apply:os.getcwd []", tmp_path)
