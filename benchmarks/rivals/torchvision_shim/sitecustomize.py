"""For the stock handler's workers: torchvision beside a CPU build of torch (scripts/reference)."""

import scripts.packaging.reference  # noqa: F401
