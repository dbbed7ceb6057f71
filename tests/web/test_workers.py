"""Workers through the HTTP API: make, rename, duplicate, delete, restore; names; who may."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import pytest

from tests.web.conftest import Person, join, page_data

PATHS = ["", "/snapshot", "/changes", "/deployments", "/variables", "/versions/1/files", f"/blobs/{'0' * 64}"]
PAGES = ["edit", "deployments", "settings"]


def test_a_new_worker_has_its_templates_modules(owner: Person) -> None:
    name = owner.make(template="hello")
    paths = {file["path"] for file in owner.ask("GET", f"workers/{name}/snapshot").json()["files"]}
    assert len([path for path in paths if path.endswith(".py")]) >= 3
    assert name in owner.browser.get("/").text


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 59,
        "Shop",
        "1shop",
        "-shop",
        "shop-",
        "sh op",
        "shöp",
        "p-shop",
        "a.b",
        "a/b",
        "xn--a",
        "a\n",
        "sho\u0000p",
        "../x",
    ],
)
def test_a_name_that_cannot_be_an_address_is_refused(owner: Person, name: str) -> None:
    answer = owner.ask("POST", "workers", {"name": name})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["admin", "editor", "www", "api", "localhost", "preview", "workers"])
def test_a_reserved_name_is_refused(owner: Person, name: str) -> None:
    answer = owner.ask("POST", "workers", {"name": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "reserved-name")
    assert owner.ask("GET", f"names/{name}").json()["ok"] is False


def test_a_name_that_exists_is_refused_also_when_it_is_somebody_elses(owner: Person, outsider: Person) -> None:
    name = owner.make()
    for person in (owner, outsider):
        answer = person.ask("POST", "workers", {"name": name})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name-taken")
        assert person.ask("GET", f"names/{name}").json()["ok"] is False


@pytest.mark.parametrize(
    "body", [None, [], "x", {"name": 1}, {"name": "a", "more": 1}, {"name": "okay", "template": "none"}]
)
def test_a_malformed_request_is_refused_by_name(owner: Person, body: object) -> None:
    answer = owner.ask("POST", "workers", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in ("bad-json", "no-such-template")


def test_a_worker_is_renamed_and_its_old_name_is_free(owner: Person) -> None:
    name = owner.make()
    assert owner.ask("PATCH", f"workers/{name}", {"name": f"{name}-b"}).json()["name"] == f"{name}-b"
    assert owner.ask("GET", f"workers/{name}").status_code == 404
    owner.make(name)


def test_a_rename_to_a_taken_name_changes_nothing(owner: Person) -> None:
    one, two = owner.make(), owner.make()
    answer = owner.ask("PATCH", f"workers/{one}", {"name": two})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name-taken")
    assert owner.ask("GET", f"workers/{one}").status_code == 200


def test_a_copy_has_the_modules_and_a_life_of_its_own(owner: Person) -> None:
    name = owner.make(template="html-page")
    copy = owner.ask("POST", f"workers/{name}/duplicate", {"name": f"{name}-two"}).json()["name"]
    contents = [
        {file["path"]: file["text"] for file in owner.ask("GET", f"workers/{worker}/snapshot").json()["files"]}
        for worker in (name, copy)
    ]
    assert contents[0] == contents[1] != {}
    assert owner.ask("POST", f"workers/{name}/duplicate", {}).json()["name"] == f"{name}-copy"


def test_a_delete_is_undone_with_everything(owner: Person) -> None:
    name = owner.make()
    before = owner.ask("GET", f"workers/{name}/snapshot").json()
    deleted = owner.ask("DELETE", f"workers/{name}").json()
    assert owner.ask("GET", f"workers/{name}").status_code == 404
    assert name not in page_data(owner.browser.get("/"))["names"]
    assert owner.ask("POST", "workers/restore", {"id": deleted["id"]}).json()["name"] == name
    assert owner.ask("GET", f"workers/{name}/snapshot").json() == before


def test_an_undo_waits_while_the_name_is_taken(owner: Person) -> None:
    name = owner.make()
    deleted = owner.ask("DELETE", f"workers/{name}").json()
    owner.make(name)
    answer = owner.ask("POST", "workers/restore", {"id": deleted["id"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name-taken")


@pytest.mark.parametrize("path", PATHS)
def test_an_outsider_sees_no_difference_between_a_foreign_worker_and_none(
    owner: Person, outsider: Person, path: str
) -> None:
    name = owner.make()
    foreign = outsider.ask("GET", f"workers/{name}{path}")
    none = outsider.ask("GET", f"workers/no-such-worker{path}")
    assert foreign.status_code == none.status_code == 404
    assert foreign.text == none.text


@pytest.mark.parametrize("page", PAGES)
def test_an_outsider_gets_404_from_every_page(owner: Person, outsider: Person, page: str) -> None:
    name = owner.make()
    assert outsider.browser.get(f"/workers/{name}/{page}").status_code == 404
    assert name not in outsider.browser.get("/").text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"name": "other"}), ("DELETE", "", None), ("POST", "/duplicate", {"name": "other"}),
        ("PUT", "/variables", {"variables": {}}), ("POST", "/deployments", {}), ("POST", "/requests", {"path": "/"}),
        ("POST", "/rollback", {"version": 1, "reason": "x"}),
    ],
)  # fmt: skip
def test_an_outsider_changes_nothing(owner: Person, outsider: Person, method: str, path: str, body: object) -> None:
    name = owner.make()
    assert outsider.ask(method, f"workers/{name}{path}", body).status_code == 404
    assert owner.ask("GET", f"workers/{name}").status_code == 200


def test_an_outsider_cannot_restore_what_an_owner_deleted(owner: Person, outsider: Person) -> None:
    deleted = owner.ask("DELETE", f"workers/{owner.make()}").json()
    assert outsider.ask("POST", "workers/restore", {"id": deleted["id"]}).status_code == 404


def test_an_editor_may_not_rename_or_delete_and_a_viewer_may_only_look(
    owner: Person, mate: Person, outsider: Person
) -> None:
    name = owner.make()
    join(mate, name, "editor")
    join(outsider, name, "viewer")
    assert mate.ask("DELETE", f"workers/{name}").status_code == 403
    assert mate.ask("PATCH", f"workers/{name}", {"name": "other"}).status_code == 403
    assert mate.ask("PUT", f"workers/{name}/variables", {"variables": {"A": "1"}}).status_code == 200
    assert outsider.ask("GET", f"workers/{name}/snapshot").status_code == 200
    assert outsider.ask("PUT", f"workers/{name}/variables", {"variables": {}}).status_code == 403
    assert outsider.ask("POST", f"workers/{name}/deployments", {}).status_code == 403


@pytest.mark.parametrize(
    "variables", [{"": "x"}, {"1A": "x"}, {"A-B": "x"}, {"A": "x" * 9000}, {"A": "\0"}, {"A": 1}, {"A" * 65: ""}]
)
def test_a_variable_that_no_environment_can_hold_is_refused(owner: Person, variables: dict[str, object]) -> None:
    assert owner.ask("PUT", f"workers/{owner.make()}/variables", {"variables": variables}).status_code == 400


def test_variables_are_kept(owner: Person) -> None:
    name = owner.make()
    owner.ask("PUT", f"workers/{name}/variables", {"variables": {"GREETING": "Hallo"}})
    assert owner.ask("GET", f"workers/{name}/variables").json() == {"variables": {"GREETING": "Hallo"}}
    assert "GREETING" in owner.browser.get(f"/workers/{name}/settings").text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_there_is_refused_by_name(owner: Person, method: str) -> None:
    answer = owner.ask(method, "workers")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


def test_a_huge_body_is_refused_and_the_server_lives(owner: Person) -> None:
    answer = owner.ask("POST", "workers", {"name": "x" * (3 * 1024 * 1024)})
    assert answer.status_code == 413
    assert owner.ask("GET", "workers").status_code == 200
