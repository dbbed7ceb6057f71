"""Why there is no sandbox on this machine, and what to type to get one. Used where the zygote's set-up fails.

The answer names a sysctl, a boot parameter or a container flag: whoever reads it can act on it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

_OFF = "QUICKEDIT_SANDBOX=off runs workers without a sandbox: only for code that you wrote yourself."


class SandboxUnavailable(Exception):
    """No sandbox can be had here. The message says exactly which sysctl, flag or command would help."""


def explain(detail: dict[str, Any]) -> SandboxUnavailable:
    """From the launcher's report {"step", "errno", "message"}."""
    step, code, message = str(detail.get("step", "")), detail.get("errno"), str(detail.get("message", ""))
    advice = _advice(step, code, message)
    return SandboxUnavailable(f"The sandbox cannot be set up: {step} failed ({message}).\n{advice}\n{_OFF}")


def _advice(step: str, code: object, message: str) -> str:
    if code == errno.ENOSYS:
        return "It needs Linux 5.13 or newer, on x86-64 or aarch64; this kernel lacks a system call."
    if "landlock" in message.lower():
        return "Start the kernel with Landlock: put it into the boot parameter, as in lsm=landlock,lockdown,yama."
    if step == "reading the interpreter's files":
        return "The runner's user must be able to read the Python interpreter and its standard library."
    if step == "exec of the zygote":
        return (
            "Workers' own user ids must be able to read the Python interpreter and its standard library: "
            f"chmod -R a+rX {os.path.realpath(os.__file__).rpartition('/')[0]}"
        )
    if "user" in step or "namespaces" in step or "unshare" in step:
        return _namespace_advice()
    return "Run `quickedit doctor` for what this machine allows."


def _namespace_advice() -> str:
    if _sysctl("user/max_user_namespaces") == "0":
        return "User namespaces are switched off. Allow them: sysctl -w user.max_user_namespaces=10000"
    if os.geteuid() != 0:
        if _sysctl("kernel/unprivileged_userns_clone") == "0":
            return "User namespaces are reserved for root. Allow them: sysctl -w kernel.unprivileged_userns_clone=1"
        if _sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
            return (
                "AppArmor reserves user namespaces for known programs. "
                "Allow them: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
            )
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return (
            "The container forbids namespaces. Start it with: docker run --cap-add SYS_ADMIN "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined …"
        )
    if os.geteuid() == 0:
        return "Root here lacks CAP_SYS_ADMIN: start the runner with it, or as an ordinary user."
    return "A seccomp profile or a security module forbids user namespaces: `unshare -Ur true` must work."


def _sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None
