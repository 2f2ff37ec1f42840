"""Small projects and fake processes for tests of the dock."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
# Helpers of the tests: those of this folder, and the projects and processes of runs.
sys.path[:0] = [str(HERE), str(HERE.parent / "runs")]
