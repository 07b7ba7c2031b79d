"""Devices that networks are measured on: this machine's CPU, a CUDA GPU, a board over SSH."""
