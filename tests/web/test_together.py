"""Several people in one worker: who is here, roles that change while somebody types, invitations, endings (rules N, A, G)."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import re
from typing import Any

import pytest

from tests.web.conftest import Editor, Person, Server, join


def create(path: str, text: str = "x\n") -> dict[str, str]:
    return {"op": "create", "file": path.replace(".", "-"), "path": path, "text": text}


async def ask(person: Person, *arguments: Any) -> Any:
    return await asyncio.to_thread(person.ask, *arguments)


async def presence_of(editor: Editor, client: str, file: str | None) -> dict[str, Any]:
    while True:
        frame = await editor.until("presence")
        if frame["client"] == client and frame["file"] == file:
            return frame


async def test_N1_N2_editors_see_who_is_here_where_and_when_they_go(owner: Person, mate: Person) -> None:
    name = owner.make()
    join(mate, name, "viewer")
    async with owner.editor(name, "one") as one:
        assert one.welcome["present"] == []
        async with mate.editor(name, "two") as two:
            assert [each["client"] for each in two.welcome["present"]] == ["one"]
            came = await presence_of(one, "two", None)
            assert (came["person"]["id"], came["role"], came["ranges"]) == (mate.user.pk, "viewer", [])
            ranges = [{"anchor": 3, "head": 0}]
            await two.send({"t": "presence", "file": "f1", "revision": 1, "ranges": ranges})
            moved = await presence_of(one, "two", "f1")
            assert (moved["ranges"], moved["revision"]) == (ranges, 1)
            await one.send({"t": "presence", "file": "f2", "revision": 1, "ranges": []})
            await presence_of(two, "one", "f2")
            assert not [frame for frame in two.seen if frame["t"] == "presence" and frame["client"] == "two"]
        assert (await one.until("presence.left"))["client"] == "two"


async def test_N2_a_client_that_is_back_before_its_old_socket_ended_is_still_here(owner: Person, mate: Person) -> None:
    name = owner.make()
    join(mate, name, "editor")
    async with owner.editor(name, "one") as one:
        async with mate.editor(name, "two"), mate.editor(name, "two"):
            await presence_of(one, "two", None)
        assert (await one.until("presence.left"))["client"] == "two"
        assert len([frame for frame in one.seen if frame["t"] == "presence.left"]) == 1


async def test_A3_a_role_counts_at_once_and_who_is_removed_is_told_and_let_in_no_more(
    owner: Person, mate: Person
) -> None:
    name = owner.make()
    assert (await ask(owner, "POST", f"workers/{name}/members", {"name": mate.user.username})).status_code == 201
    async with mate.editor(name) as two:
        base = two.welcome["revision"]
        await ask(owner, "PATCH", f"workers/{name}/members/{mate.user.pk}", {"role": "viewer"})
        assert (await two.until("role"))["role"] == "viewer"
        await two.operate(1, base, create("no.txt"))
        assert (await two.until("refused"))["code"] == "forbidden"
        await ask(owner, "PATCH", f"workers/{name}/members/{mate.user.pk}", {"role": "editor"})
        assert (await two.until("role"))["role"] == "editor"
        await two.operate(1, base, create("yes.txt"))
        await two.until("committed")
        await ask(owner, "DELETE", f"workers/{name}/members/{mate.user.pk}")
        goodbye = await two.until("goodbye")
        assert (goodbye["code"], goodbye["reconnect"]) == ("removed", False)
        assert await two.closed() == 4404
    assert (await ask(mate, "GET", f"workers/{name}/snapshot")).status_code == 404


FORBIDDEN: list[tuple[str, str, Any]] = [
    ("PUT", "blobs/" + "0" * 64, {}), ("POST", "restore", {"revision": 0}), ("POST", "archive", None),
    ("POST", "deployments", {"message": ""}), ("PUT", "variables", {"variables": {}}),
    ("POST", "members", {"name": "x"}), ("POST", "invites", {"role": "owner"}), ("DELETE", "", None),
    ("PATCH", "", {"name": "y"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), FORBIDDEN)
def test_A1_A2_a_viewer_changes_nothing_by_any_way(
    owner: Person, mate: Person, method: str, path: str, body: Any
) -> None:
    name = owner.make()
    join(mate, name, "viewer")
    answer = mate.ask(method, f"workers/{name}/{path}".rstrip("/"), body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_A2_only_owners_manage_members_and_one_owner_stays(owner: Person, mate: Person, outsider: Person) -> None:
    name = owner.make()
    members = f"workers/{name}/members"
    join(mate, name, "editor")
    assert mate.ask("POST", members, {"name": outsider.user.username}).status_code == 403
    assert mate.ask("PATCH", f"{members}/{mate.user.pk}", {"role": "owner"}).status_code == 403
    assert mate.ask("DELETE", f"{members}/{owner.user.pk}").status_code == 403
    assert outsider.ask("GET", members).status_code == 404
    for last in (
        owner.ask("DELETE", f"{members}/{owner.user.pk}"),
        owner.ask("PATCH", f"{members}/{owner.user.pk}", {"role": "viewer"}),
    ):
        assert (last.status_code, last.json()["error"]["code"]) == (409, "last-owner")
    assert owner.ask("POST", members, {"name": "nobody-of-that-name"}).json()["error"]["code"] == "no-such-person"
    assert owner.ask("POST", members, {"name": mate.user.username}).json()["error"]["code"] == "member-already"
    assert owner.ask("PATCH", f"{members}/{mate.user.pk}", {"role": "god"}).status_code == 400
    assert owner.ask("PATCH", f"{members}/{mate.user.pk}", {"role": "owner"}).status_code == 200
    assert owner.ask("DELETE", f"{members}/{owner.user.pk}").status_code == 200
    shown = mate.ask("GET", members).json()["members"]
    assert [(each["id"], each["role"]) for each in shown] == [(mate.user.pk, "owner")]


def test_A2_an_invitation_works_once_for_somebody_new_and_opening_its_link_uses_nothing_up(
    server: Server, owner: Person, mate: Person
) -> None:
    name = owner.make()
    made = owner.ask("POST", f"workers/{name}/invites", {"role": "viewer"}).json()
    path = made["url"].partition("/join")[1] + made["url"].partition("/join")[2]
    stranger = server.client(origin=owner.browser.headers["origin"])
    for _ in range(2):
        page = stranger.get(path)
        assert page.status_code == 200 and name in page.text and page.headers["referrer-policy"] == "strict-origin"
    field = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert field
    form = {"csrfmiddlewaretoken": field[1], "token": path.partition("token=")[2], "name": f"Zoë of {name}"}
    taken = stranger.post("/join", data={**form, "name": owner.user.username})
    assert taken.status_code == 409 and "here already" in taken.text
    joined = stranger.post("/join", data=form)
    assert (joined.status_code, joined.headers["location"]) == (302, f"/workers/{name}/edit")
    assert stranger.get(joined.headers["location"]).status_code == 200
    assert mate.browser.get(path).status_code == 404
    shown = owner.ask("GET", f"workers/{name}/members").json()
    assert [each["role"] for each in shown["members"]] == ["owner", "viewer"] and shown["invites"] == []


def test_A2_an_invitation_can_be_withdrawn_and_viewers_see_none(owner: Person, mate: Person) -> None:
    name = owner.make()
    join(mate, name, "viewer")
    made = owner.ask("POST", f"workers/{name}/invites", {"role": "editor"}).json()
    assert mate.ask("GET", f"workers/{name}/members").json()["invites"] == []
    assert [each["id"] for each in owner.ask("GET", f"workers/{name}/members").json()["invites"]] == [made["id"]]
    assert owner.ask("DELETE", f"workers/{name}/invites/{made['id']}").status_code == 200
    assert mate.browser.get(made["url"].partition("//")[2].partition("/")[2].join(["/", ""])).status_code == 404
