"""Triton kernels. A module here is imported when a kernel of it is launched, and nothing else imports Triton."""
