"""Judge a model on pictures whose class is known."""

import sys

from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    from scripts.evaluating.evaluate import main

    sys.exit(main())
