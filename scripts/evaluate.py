"""Judge a model on pictures whose class is known."""

import sys
from pathlib import Path

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    # In this folder `packaging` is ours; matplotlib needs the library of that name.
    sys.path[:] = [folder for folder in sys.path if folder != str(Path(__file__).parent)]
    from scripts.evaluating.evaluate import main

    sys.exit(main())
