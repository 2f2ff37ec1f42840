"""What holds for every test: calm threads, no network, a small budget of examples."""

from __future__ import annotations

import os
import sys

from hypothesis import HealthCheck, settings

# All of this must stand before torch, huggingface_hub and matplotlib are imported.
# Spinning OpenMP threads slow each other down by a factor of ten on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# torch's optimizers load triton, and triton beside Mesa's OpenGL ends the process.
sys.modules.setdefault("triton", None)

# A shared machine is slow at times: a deadline would fail tests at random.
settings.register_profile(
    "semiseg",
    deadline=None,
    max_examples=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("semiseg")
