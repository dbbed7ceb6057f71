"""Kernel primitives for confining a process: namespaces, mounts, Landlock, seccomp, capabilities, resource limits.

Each module wraps one of them and raises OSError where the kernel says no; none knows of workers, frames or each other.
`preview.inside` calls them in order. Linux on x86-64 and aarch64; importing is harmless elsewhere, calling is not.
"""
