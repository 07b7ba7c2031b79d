"""A pytest plugin: the tests of training that name their device ``CPU`` run on the GPU.

Use: python -m pytest -p cuda_tests tests/searches/test_steps.py ...
A test that compares with tensors on the CPU, or asks for equality to the last bit, may fail for that reason alone.
"""

import os

import torch

DEVICE = torch.device(os.environ.get("EXTRA_DEVICE", "cuda"))


def pytest_collection_modifyitems(items):
    for module in {item.module for item in items if getattr(item, "module", None) is not None}:
        if isinstance(getattr(module, "CPU", None), torch.device):
            module.CPU = DEVICE
