"""What becomes of a child that nobody waits for any more when it is born."""

from __future__ import annotations

import asyncio

import pytest

from preview.outside.children import Children
from tests.sandbox.support import LIMITS

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("born", [False, True], ids=["before-it-is-born", "in-the-moment-in-which-it-is-born"])
async def test_a_fork_that_is_not_waited_for_leaves_no_process(born: bool) -> None:
    children = Children(LIMITS, spares=0)
    await children.start()
    try:
        zygote = children._zygote
        assert zygote is not None
        before = set(zygote._alive)
        asking = asyncio.create_task(zygote.fork(at_once=True))
        await asyncio.sleep(0)
        (tag,) = zygote._asked
        if born:
            while tag not in zygote._alive:  # in one turn of the loop: the asker has not heard of it
                zygote._readable()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(10):
            while zygote._asked or set(zygote._alive) - before:
                await asyncio.sleep(0.01)
    finally:
        await children.close()
