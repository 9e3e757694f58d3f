"""Make the project's virtual environment, with Python's standard library alone."""

import sys
from pathlib import Path

# No environment knows the checkout yet.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.development.set_up import main

if __name__ == "__main__":
    sys.exit(main())
