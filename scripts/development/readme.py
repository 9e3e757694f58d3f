"""What the README says to type, and what it says comes of it."""

import re

NUMBER = re.compile(r"\d+\.\d+")


def commands(readme: str) -> list[str]:
    """Those of the section Two commands, in its order, and what it says to install before each."""
    section = readme.partition("\n## Two commands\n")[2].partition("\n## ")[0]
    found = re.findall(r"^    (.+)$|`((?:apt|apt-get) install [^`]+)`", section, re.MULTILINE)
    return ["".join(either) for either in found]


def examples(readme: str) -> list[tuple[str, str]]:
    """Each command of the section Classify that begins with a $, and what it prints there."""
    section = readme.partition("\n## Classify\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^    \$ (.+)\n((?:    (?!\$ ).+\n)*)", section, re.MULTILINE)
    return [(command, re.sub(r"^    ", "", text, flags=re.MULTILINE)) for command, text in blocks]


def agree(printed: str, expected: str) -> bool:
    """The same but for the last digit of decimal fractions, which differs between processors."""

    def near(one: str, other: str) -> bool:
        last = 10.0 ** -len(other.partition(".")[2])
        return abs(float(one) - float(other)) < max(1.5 * last, 1e-5)

    pairs = zip(NUMBER.findall(printed), NUMBER.findall(expected), strict=False)
    words = [NUMBER.sub("0.0", text).strip() for text in (printed, expected)]
    return words[0] == words[1] and all(near(*pair) for pair in pairs)
