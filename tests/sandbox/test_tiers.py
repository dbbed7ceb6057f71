"""A machine without namespaces, or without walls at all: which tier is taken, and what a person is told."""

from __future__ import annotations

import asyncio
import dataclasses
import os

import pytest

from preview.outside.children import Children, Limits, SandboxUnavailable
from preview.outside.unavailable import explain

pytestmark = pytest.mark.sandbox


def refused_namespaces(sandbox: str) -> Children:
    """On a machine that maps no users for root; for an ordinary user no tier A can be refused this way."""
    children = Children(Limits(), spares=1, sandbox=sandbox)
    children._plan = dataclasses.replace(children._plan, uid_width=1 << 32)
    return children


@pytest.mark.skipif(os.geteuid() != 0, reason="a map that the kernel refuses stands for any refusal, and root's can be")
def test_where_namespaces_are_refused_tier_B_is_taken_and_says_why() -> None:
    async def start() -> tuple[str, str]:
        children = refused_namespaces("auto")
        await children.start()
        await children.close()
        return children.tier, children.weaker_because

    tier, why = asyncio.run(start())
    assert tier == "B" and "unshare(user)" in why


@pytest.mark.skipif(os.geteuid() != 0, reason="see above")
def test_who_insists_on_tier_A_gets_nothing_less_and_is_told_what_to_type() -> None:
    async def start() -> None:
        await refused_namespaces("A").start()

    with pytest.raises(SandboxUnavailable, match=r"(?s)unshare\(user\).*QUICKEDIT_SANDBOX=off"):
        asyncio.run(start())


@pytest.mark.skipif(os.geteuid() != 0, reason="see above")
def test_without_namespaces_and_without_landlock_nothing_starts() -> None:
    async def start() -> None:
        children = refused_namespaces("auto")
        children._plan = dataclasses.replace(children._plan, landlock=0)
        await children.start()

    with pytest.raises(SandboxUnavailable, match=r"(?s)unshare\(user\).*Landlock is not there.*lsm=landlock"):
        asyncio.run(start())


def test_why_there_is_no_sandbox_is_said_with_a_command_to_type() -> None:
    error = explain({"step": "unshare(user)", "errno": 1, "message": "unshare(user): Operation not permitted"})
    assert any(word in str(error) for word in ("sysctl", "docker run", "CAP_SYS_ADMIN", "unshare -Ur true"))
    landlock = explain({"step": "preparing the zygote", "errno": 95, "message": "Landlock is not there"})
    assert "lsm=landlock" in str(landlock)


def test_the_sandbox_is_never_off_unless_that_is_said_in_so_many_words() -> None:
    for word in ("", "false", "0", "none", "OFF"):
        with pytest.raises(ValueError, match="auto, A, B, off"):
            Children(Limits(), sandbox=word)
