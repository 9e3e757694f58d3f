#!/usr/bin/env python3
"""`make teach`: a model of one's own classes. See scripts/teaching/teach.py."""

import sys

from scripts.teaching.teach import main

if __name__ == "__main__":
    sys.exit(main())
