"""Where in a checkpoint its network is, and what else is of use there."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from scripts.packaging.layer_names import is_resnet, layers_seen

State = Mapping[str, Tensor]
DEPTH = 4  # of mappings in mappings
# Under which a training puts its network. A running average of the weights is what it evaluates.
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "model_ema_state_dict", "ema")
PLAIN = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
CLASS_NAMES = ("class_to_idx", "idx_to_class", "classes", "class_names", "label_names", "labels")
SETTINGS = ("hyper_parameters", "meta", "config", "args")  # where these may be, too


def chosen(content: Any, notes: list[str]) -> State:
    """The network's tensors by name. Raises ValueError, whose words follow the file's name.

    notes: gets a sentence where there was a choice.
    """
    found = {path: state for path, state in _states(content) if is_resnet(state)}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise ValueError(_what_instead(content))
    ranks = {name: rank for rank, name in enumerate(AVERAGED + PLAIN)}
    last = len(ranks)
    ranked = sorted(found, key=lambda path: min((ranks.get(n, last) for n in path), default=last))
    names = ", ".join(map(_shown, ranked))
    if not any(name in ranks for name in ranked[0]):
        raise ValueError(f"has several networks ({names}): save the state dict of one alone")
    notes.append(f"of its networks {names} the first is taken")
    return found[ranked[0]]


def _shown(path: tuple[str, ...]) -> str:
    return "/".join(path) or "itself"


def _states(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], State]]:
    """Every mapping with tensors in it, by the keys that lead there."""
    if not isinstance(content, Mapping) or len(path) > DEPTH:
        return
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    tensors = {name: value for name, value in named.items() if isinstance(value, Tensor)}
    if tensors:
        yield path, tensors
    for name, value in named.items():
        yield from _states(value, (*path, name))


def _what_instead(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"has a {type(content).__name__}, not a state dict"
    states = [state for path, state in _states(content) if "optimizer" not in "/".join(path)]
    if states:
        return f"is another network: {layers_seen(max(states, key=len))}"
    if any("param_groups" in str(list(_keys(value))) for value in (content, *content.values())):
        return "has the state of an optimizer alone, and no network"
    keys = ", ".join(map(repr, list(content)[:5]))
    return f"has no tensors; what it has: {keys or 'nothing'}"


def _keys(value: Any) -> Iterator[object]:
    yield from value if isinstance(value, Mapping) else ()


def class_names(content: Any) -> list[str] | None:
    """In order of class_id, where a training has put them beside its network."""
    if not isinstance(content, Mapping):
        return None
    for place in (content, *(content.get(name) for name in SETTINGS)):
        for key in CLASS_NAMES:
            if isinstance(place, Mapping) and (names := names_in_order(place.get(key))):
                return names
    return None


def names_in_order(value: Any) -> list[str] | None:
    """From a list of names, names by number, or numbers by name; None where it is none of these."""
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping) or not value:
        return None
    pairs = list(value.items())
    if all(isinstance(number, int) for _, number in pairs):
        pairs = [(number, name) for name, number in pairs]
    try:
        by_number = {int(number): name for number, name in pairs}
        names = [by_number[number] for number in range(len(pairs))]
    except (KeyError, TypeError, ValueError):
        return None
    return names if all(isinstance(name, str) and name.strip() for name in names) else None
