"""List the installed packages by licence, as each states it, in the form of docs/security.md."""

import sys
from collections import defaultdict
from importlib.metadata import Distribution, distributions


def main() -> int:
    packages = defaultdict(list)
    for package in distributions():
        packages[licence(package)].append(f"{package.name} {package.version}")
    print("| licence | packages |\n| --- | --- |")
    for name in sorted(packages, key=str.lower):
        print(f"| {name} | {', '.join(sorted(packages[name], key=str.lower))} |")
    return 0


def licence(package: Distribution) -> str:
    """As stated in one of three fields; some packages put the whole text into the second."""
    fields = package.metadata
    short = [text for text in fields.get_all("License", []) if "\n" not in text]
    classifiers = [
        text for text in fields.get_all("Classifier", []) if text.startswith("License ::")
    ]
    names = fields.get_all("License-Expression", []) or short or classifiers
    return ", ".join(name.rpartition(" :: ")[2] for name in names) or "not stated"


if __name__ == "__main__":
    sys.exit(main())
