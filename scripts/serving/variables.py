"""Typed settings: a dataclass whose fields say how to read them from text.

Each field is a variable of the environment (HOST) and of make, and an option of a command (--host).
Standard library alone: the Makefile checks its variables with it before anything is installed.
"""

import argparse
import dataclasses
import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Parse = Callable[[str], Any]

# Of a model or a version: a part of addresses and of file names.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}"


class BadSetting(Exception):
    """A variable has a value that can't be used; `str(error)` names it and says what would do."""


class Variable(NamedTuple):
    field: str
    name: str  # in the environment and for make
    parse: Parse  # raises ValueError
    help: str
    default: str  # in words, for help
    secret: bool

    @property
    def option(self) -> str:
        return f"--{self.field.replace('_', '-')}"

    @property
    def is_switch(self) -> bool:
        return self.parse is switch

    def words(self, value: Any) -> str:
        """As one would write the value."""
        if value is None:
            return "not set"
        return str(int(value)) if self.is_switch else str(value)

    def read(self, text: str, given_as: str) -> Any:
        """Raises BadSetting, which names the variable as it was given."""
        try:
            if not text.strip() and not self.is_switch:
                raise ValueError("it is empty; give it a value or leave it out")
            return self.parse(text)
        except ValueError as error:
            shown = given_as if self.secret else f"{given_as}={_shown(text)}"
            raise BadSetting(f"{shown}: {error}") from None


def variable(
    parse: Parse, help: str, *, default: Any = None, words: str = "", secret: bool = False
) -> Any:
    """A dataclass field. words: the default in words, where it says little by itself."""
    metadata = {"parse": parse, "help": help, "words": words, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata)


def variables(settings: type) -> Iterator[Variable]:
    """Those of a dataclass, in its order."""
    for field in dataclasses.fields(settings):
        about = field.metadata
        default = about["words"] or ("" if field.default in (None, False) else str(field.default))
        yield Variable(
            field.name,
            field.name.upper(),
            about["parse"],
            about["help"],
            default,
            about["secret"],
        )


def read(
    settings: type[T],
    environment: Mapping[str, str],
    options: argparse.Namespace | None = None,
) -> dict[str, Any]:
    """The values of the fields that are given: an option wins over the environment.

    Raises BadSetting.
    """
    values = {}
    for one in variables(settings):
        text = getattr(options, one.field, None)
        if text is not None:
            values[one.field] = one.read(text, one.option)
        elif one.name in environment:
            values[one.field] = one.read(environment[one.name], one.name)
    return values


def environment_of(settings: Any) -> dict[str, str]:
    """The variables from which `read` makes the same settings; those that are None are left out."""
    texts = {}
    for one in variables(type(settings)):
        value = getattr(settings, one.field)
        if value is not None:
            texts[one.name] = one.words(value)
    return texts


def without(settings: type, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables of these settings."""
    names = {one.name for one in variables(settings)}
    return {name: value for name, value in environment.items() if name not in names}


def add_options(parser: argparse.ArgumentParser, settings: type) -> None:
    """An option for each variable, but for secrets: other users can read a command line."""
    for one in variables(settings):
        if one.secret:
            continue
        default = f" (default: {one.default})" if one.default else ""
        text = (one.help + default).replace("%", "%%")
        if one.is_switch:
            parser.add_argument(one.option, nargs="?", const="1", metavar="yes|no", help=text)
        else:
            parser.add_argument(one.option, metavar=one.name, help=text)


def _shown(text: str) -> str:
    """On one line, and no longer than a line."""
    return repr(text) if len(text) <= 80 else repr(text[:80]) + "…"


def switch(text: str) -> bool:
    if text.strip().lower() in ("1", "yes", "true", "on"):
        return True
    if text.strip().lower() in ("", "0", "no", "false", "off"):
        return False
    raise ValueError("write 1 or 0, yes or no")


def whole(least: int, most: int, what: str) -> Parse:
    """A whole number; `what` is named in the refusal."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise ValueError(f"{what} must be a whole number from {least} to {most}")
        if not least <= int(text) <= most:
            raise ValueError(f"{what} must be from {least} to {most}")
        return int(text)

    return parse


def matching(pattern: str, sentence: str) -> Parse:
    """A text of that form; `sentence` describes the form."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(sentence)
        return text

    return parse


def one_of(*words: str) -> Parse:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"choose {' or '.join(words)}")
        return text

    return parse


def address(text: str) -> str:
    """An IP address to listen on."""
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(re.sub(r"^\[(.*)\]$", r"\1", text)))
    except ValueError:
        raise ValueError(
            "this is not an IP address. 127.0.0.1 is this machine alone, 0.0.0.0 all its networks; "
            "names go into HOSTS"
        ) from None


def host_names(text: str) -> str:
    """Host names, separated by spaces; they become words of the gateway's configuration."""
    words = text.lower().split(" ")
    label = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
    if not all(re.fullmatch(rf"(\*\.)?{label}(\.{label})*", word) for word in words):
        raise ValueError("write host names, such as pictures.example.org, with a space between two")
    return " ".join(dict.fromkeys(words))


def model_names(text: str) -> str:
    """Separated by commas."""
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(NAME, word) for word in words):
        raise ValueError("write the models' names with a comma between two: resnet18,ants_bees")
    return ",".join(dict.fromkeys(words))


def host_name(text: str) -> str:
    if " " in text:
        raise ValueError("give one name; others can be in HOSTS")
    if "*" in text:
        raise ValueError("give one name, without a *")
    return host_names(text)


def path(text: str) -> Path:
    """Absolute; whether it exists is asked by who opens it."""
    if "\n" in text or "\0" in text:
        raise ValueError("a path can't have a line break")
    return Path(os.path.abspath(text))  # noqa: PTH100  # resolve() would follow links


def existing_file(text: str) -> Path:
    found = path(text)
    if found.is_dir():
        raise ValueError("this is a folder: name the file in it")
    if not found.is_file():
        raise ValueError("there is no such file")
    return found


def existing_folder(text: str) -> Path:
    found = path(text)
    if not found.is_dir():
        raise ValueError("there is no such folder")
    return found
