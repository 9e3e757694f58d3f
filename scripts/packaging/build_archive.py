"""Turn weights and labels into a TorchServe archive, after proving that it answers like PyTorch.

The network is exported for the precision's engine, the engine is run on real pictures and compared
with PyTorch, and only what agrees is packed. The same inputs give the same bytes. An option that is
not given is read from the environment variable of its name (--labels: LABELS).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts import ROOT
from scripts.packaging.recipe import Recipe
from scripts.serving.variables import BadSetting, add_options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        recipe = Recipe.of(os.environ, options)
        output = options.output or ROOT / "model_store" / recipe.file_name
        # Not before somebody builds: importing torch takes seconds.
        from scripts.packaging.agreement import Disagreement
        from scripts.packaging.builder import build
        from scripts.packaging.weights import WeightsError
    except BadSetting as error:
        return _refused(error)
    try:
        build(recipe, output)
    except (WeightsError, ValueError, OSError, Disagreement) as error:
        return _refused(error)
    except KeyboardInterrupt:
        print("\nbuild_archive: stopped; nothing is packed", file=sys.stderr)
        return 130
    return 0


def _refused(error: Exception) -> int:
    print(f"build_archive: {error}", file=sys.stderr)
    return 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, Recipe)
    default = "default: model_store/NAME.mar, or resnet18-PRECISION.mar"
    parser.add_argument("--output", type=Path, help=default)
    return parser.parse_args(arguments)
