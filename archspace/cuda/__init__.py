"""Forms of a network for CUDA GPUs: branches on streams of their own, and EESP and ESP units as Triton kernels."""
