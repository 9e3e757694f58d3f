"""Turn weights and labels into a TorchServe archive."""

import sys

from scripts.packaging.build_archive import main
from scripts.serving.utf8 import in_utf8_mode

if __name__ == "__main__":
    in_utf8_mode()
    sys.exit(main())
