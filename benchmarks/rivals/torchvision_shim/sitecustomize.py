"""For the stock handler's workers: torchvision with a CPU build of torch (scripts/packaging/reference.py)."""

import scripts.packaging.reference  # noqa: F401
