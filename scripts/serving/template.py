"""A YAML file with places for values. It is filled in as a structure, which no value can leave.

    ${NAME}             as a whole scalar: the value itself, whatever its type
    text ${NAME}        the value as text
    when: ${NAME}       its mapping is left out where the value is None, False or empty
    for_each: ${NAME}   its mapping, an item of a list, is there once for each mapping in the value,
                        which has further values for it
    !a.b.v3.C {…}       a message envoy.extensions.a.b.v3.C
    !status 413         an access log filter (!status 5xx, !status below 500)
    !refusal {…}        a route, and before it its twin for small bodies, which are read first: many
                        clients do not hear what they are told while they still send

A list among the items of a list becomes items of that list.
The mapping `definitions` is left out: it is where the file names what it uses more than once.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PLACE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_LEFT_OUT = object()


class _Loader(yaml.SafeLoader):
    """With the tags above."""


def _message(loader: _Loader, name: str, node: yaml.MappingNode) -> dict[str, Any]:
    fields: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return {"@type": f"type.googleapis.com/envoy.extensions.{name}", **fields}


def _refusal(loader: _Loader, node: yaml.MappingNode) -> list[dict[str, Any]]:
    route: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    length = {"name": "content-length", "range_match": {"start": 0, "end": "${FIRST_LARGE_BODY}"}}
    match = {**route["match"], "headers": [*route["match"].get("headers", []), length]}
    kind = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
    buffer = {"@type": kind, "buffer": {"max_request_bytes": "${FIRST_LARGE_BODY}"}}
    return [
        {**route, "match": match, "typed_per_filter_config": {"envoy.filters.http.buffer": buffer}},
        route,
    ]


def _status(loader: _Loader, node: yaml.ScalarNode) -> dict[str, Any]:
    match loader.construct_scalar(node).split():
        case ["5xx"]:
            operator, bound = "GE", 500
        case ["below", text]:
            operator, bound = "LE", int(text) - 1
        case [text] if text.isdigit():
            operator, bound = "EQ", int(text)
        case words:
            raise yaml.YAMLError(f"!status {' '.join(words)}{node.start_mark}")
    comparison = {"op": operator, "value": {"default_value": bound, "runtime_key": "none"}}
    return {"status_code_filter": {"comparison": comparison}}


_Loader.add_multi_constructor("!", _message)
_Loader.add_constructor("!status", _status)
_Loader.add_constructor("!refusal", _refusal)


def filled(template: Path, values: Mapping[str, object]) -> dict[str, Any]:
    """The file's mapping with its values. Raises KeyError for a place without a value."""
    tree = yaml.load(template.read_text("utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    del tree["definitions"]
    whole: dict[str, Any] = _filled(tree, values)
    return whole


def _filled(node: Any, values: Mapping[str, object]) -> Any:
    if isinstance(node, str):
        if place := PLACE.fullmatch(node):
            return values[place[1]]
        return PLACE.sub(lambda place: str(values[place[1]]), node)
    if isinstance(node, list):
        items: list[Any] = []
        for item in node:
            one = _filled(item, values)
            if one is not _LEFT_OUT:
                items += one if isinstance(one, list) else [one]
        return items
    if isinstance(node, dict) and "for_each" in node:
        one = {key: value for key, value in node.items() if key != "for_each"}
        each = _filled(node["for_each"], values)
        filled_in = [_filled(one, {**values, **more}) for more in each]
        return [item for item in filled_in if item is not _LEFT_OUT]
    if isinstance(node, dict):
        if "when" in node and not _filled(node["when"], values):
            return _LEFT_OUT
        pairs = {key: _filled(value, values) for key, value in node.items() if key != "when"}
        return {key: value for key, value in pairs.items() if value is not _LEFT_OUT}
    return node
