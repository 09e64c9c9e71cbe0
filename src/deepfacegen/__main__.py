"""`python -m deepfacegen` is the command `deepfacegen`."""

from __future__ import annotations

import sys

from deepfacegen.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
