"""Several processes at one benchmark: torchrun, a cluster's queue, or by hand.

They need not know of each other: whoever claims a cell computes it. All that is asked
of the launcher is which GPU of its machine a process shall take.
"""

from __future__ import annotations


def own_device(device: str) -> str:
    """The device of this process where a launcher started several on this machine.

    Parameters
    ----------
    device
        What was asked for; only ``auto`` and ``cuda`` are made more precise.
    """
    import torch
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import (
        TorchElasticEnvironment,
    )

    n_gpus = torch.cuda.device_count()
    if device not in ("auto", "cuda") or not n_gpus:
        return device
    for environment in (TorchElasticEnvironment, SLURMEnvironment):
        if environment.detect():
            return f"cuda:{environment().local_rank() % n_gpus}"
    return device
