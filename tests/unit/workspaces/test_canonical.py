"""Batches made on an older revision: what they become at the head. Rules C1–C9 of docs/protocol.md."""

from __future__ import annotations

from typing import Any

import pytest

from quickedit.errors import BadInput, BadPath, Conflict, NotFound, Stale
from quickedit.wire.messages import AnyOperation, Create, CreateFolder, Delete, Edit, Rename, SetAttributes
from quickedit.workspaces import canonical
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.canonical import canonicalise
from quickedit.workspaces.tree import Workspace

START: list[AnyOperation] = [
    Create(file="main", path="main.py", text="hello"),
    Create(file="a", path="lib/a.py", text="a"),
    Create(file="b", path="lib/deep/b.py", text="b"),
]


class Log:
    """A workspace and the batches after the base that a second client is still at."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        for op in START:
            self.workspace = self.workspace.apply(op)
        self.base = self.workspace.tree
        self.since: list[Batch] = []

    def commit(self, *ops: AnyOperation) -> Log:
        """What others did meanwhile, one batch."""
        before = self.workspace.tree
        for op in ops:
            self.workspace = self.workspace.apply(op)
        self.since.append(Batch(len(self.since) + 2, "other", len(self.since) + 1, 1, 0, ops, before))
        return self

    def late(self, *ops: AnyOperation) -> list[AnyOperation]:
        """What a batch made on the base becomes; checks that it is what was done."""
        found, after = canonicalise(ops, self.workspace, self.base, self.since)
        again = self.workspace
        for op in found:
            again = again.apply(op)
        assert again == after
        self.workspace = after
        return list(found)

    @property
    def paths(self) -> set[str]:
        return set(self.workspace.tree.ids)


def edit(file: str, *changes: Any) -> Edit:
    return Edit(file=file, changes=list(changes))


# --- C1: edits ------------------------------------------------------------------------------------------------------


def test_C1_a_batch_on_the_head_is_done_as_it_is() -> None:
    ops: list[AnyOperation] = [
        edit("main", 5, [0, "!"]),
        Rename(path="lib", to="src"),
        Create(file="c", path="src/c.py"),
    ]
    assert Log().late(*ops) == ops


def test_C1_an_edit_is_mapped_over_every_later_edit_of_the_same_file() -> None:
    log = Log().commit(edit("main", [0, ">> "], 5)).commit(edit("main", 3, [5, "bye"])).commit(edit("a", 1, [0, "x"]))
    assert log.late(edit("main", 5, [0, "!"])) == [edit("main", 6, [0, "!"])]
    assert log.workspace.files["main"].text == ">> bye!"


def test_C1_of_two_insertions_at_one_place_the_later_batch_comes_after() -> None:
    log = Log().commit(edit("main", 5, [0, "1"]))
    log.late(edit("main", 5, [0, "2"]))
    assert log.workspace.files["main"].text == "hello12"


def test_C1_several_edits_of_one_file_in_one_batch_are_mapped_one_after_the_other() -> None:
    log = Log().commit(edit("main", 2, [0, "X"], 3))
    log.late(edit("main", 5, [0, "1"]), edit("main", [1], 5), edit("main", 5, [0, "2"]))
    assert log.workspace.files["main"].text == "eXllo12"


def test_C1_an_edit_follows_its_file_through_renames() -> None:
    log = Log().commit(Rename(path="main.py", to="app.py"))
    assert log.late(edit("main", 5, [0, "!"])) == [edit("main", 5, [0, "!"])]
    assert log.workspace.files["main"].path == "app.py"


def test_C1_an_edit_off_the_end_of_its_own_base_is_refused() -> None:
    log = Log().commit(edit("main", 5, [0, "!"]))
    for changes in ([4], [6], [[0, "x"], 4], [6, [0, "x"]]):
        with pytest.raises(BadInput):
            log.late(edit("main", *changes))


# --- C2: deleted meanwhile ------------------------------------------------------------------------------------------


def test_C2_an_edit_of_a_file_deleted_since_refuses_the_whole_batch() -> None:
    log = Log().commit(Delete(path="lib"))
    before = log.workspace
    for op in (
        edit("a", 1, [0, "x"]),
        SetAttributes(file="a", eol="crlf", bom=False),
        Rename(path="lib/a.py", to="a.py"),
    ):
        with pytest.raises(Conflict) as refusal:
            log.late(edit("main", 5, [0, "!"]), op)
        assert refusal.value.code == "file-deleted"
    assert log.workspace is before


def test_C2_deleting_what_was_deleted_since_is_done_already() -> None:
    log = Log().commit(Delete(path="lib/deep"))
    assert log.late(Delete(path="lib/deep/b.py"), Delete(path="lib/deep")) == []


def test_C2_a_new_file_in_a_folder_deleted_since_brings_the_folder_back() -> None:
    log = Log().commit(Delete(path="lib"))
    log.late(Create(file="c", path="lib/deep/c.py"))
    assert log.paths == {"main.py", "lib/deep/c.py"}


# --- C3: paths follow renames ---------------------------------------------------------------------------------------


def test_C3_paths_below_a_folder_follow_its_rename() -> None:
    log = Log().commit(Rename(path="lib", to="src")).commit(Rename(path="src/deep", to="core"))
    ops = log.late(
        Create(file="c", path="lib/c.py"), Create(file="d", path="lib/deep/d.py"), CreateFolder(path="lib/new"),
        Delete(path="lib/deep/b.py"), Rename(path="lib/a.py", to="lib/deep/a2.py"),
    )  # fmt: skip
    assert [getattr(op, "to", op.path) for op in ops if not isinstance(op, Edit | SetAttributes)] == [
        "src/c.py", "core/d.py", "src/new", "core/b.py", "core/a2.py",
    ]  # fmt: skip


def test_C3_both_rename_a_folder_and_the_later_name_stays() -> None:
    log = Log().commit(Rename(path="lib", to="src"))
    assert log.late(Rename(path="lib", to="core"), edit("a", 1, [0, "x"]), Create(file="c", path="core/c.py")) == [
        Rename(path="src", to="core"), edit("a", 1, [0, "x"]), Create(file="c", path="core/c.py"),
    ]  # fmt: skip


def test_C3_both_rename_a_folder_to_the_same_name_once() -> None:
    log = Log().commit(Rename(path="lib", to="src"))
    assert log.late(Rename(path="lib", to="src")) == []
    assert log.paths == {"main.py", "src/a.py", "src/deep/b.py"}


def test_C3_what_another_moved_out_of_a_folder_stays_where_it_was_put() -> None:
    log = Log().commit(Rename(path="lib/a.py", to="a.py"))
    log.late(Rename(path="lib", to="src"), Delete(path="src/deep"))
    assert log.paths == {"main.py", "a.py"}
    log = Log().commit(Rename(path="lib/a.py", to="a.py"))
    log.late(Delete(path="lib"))
    assert log.paths == {"main.py", "a.py"}


def test_C3_moves_of_two_folders_into_each_other_are_refused_visibly() -> None:
    log = Log().commit(CreateFolder(path="x"), Rename(path="lib", to="lib2"))
    log.base = log.workspace.tree
    log.since = []
    log.commit(Rename(path="lib2", to="x/lib2"))
    with pytest.raises(Conflict) as refusal:
        log.late(Rename(path="x", to="lib2/x"))
    assert refusal.value.code == "into-itself"


# --- C4, C5: clashes ------------------------------------------------------------------------------------------------


def test_C4_a_name_taken_since_becomes_a_free_one_and_the_batch_goes_on_there() -> None:
    log = Log().commit(Create(file="u1", path="util.py", text="theirs"), Create(file="u2", path="util-2.py"))
    log.late(
        Create(file="u3", path="util.py", text="mine"), edit("u3", 4, [0, "!"]),
        Rename(path="util.py", to="lib/util.py"), Create(file="u4", path="util.py"),
    )  # fmt: skip
    files = {file.path: file.text for file in log.workspace.files.values()}
    assert files["util.py"] == "theirs"
    assert files["lib/util.py"] == "mine!"
    assert log.workspace.files["u4"].path == "util-3.py"


def test_C4_a_name_that_differs_in_case_from_one_taken_since_becomes_a_free_one() -> None:
    log = Log().commit(Create(file="u1", path="Util.py"), Create(file="n", path="New/x.py"))
    log.late(Create(file="u2", path="util.py"), Create(file="m", path="new/y.py"))
    assert {"Util.py", "util-2.py", "New/x.py", "new-2/y.py"} < log.paths
    log = Log().commit(Create(file="u1", path="Util.py"))
    assert log.late(Rename(path="main.py", to="UTIL.py")) == [Rename(path="main.py", to="UTIL-2.py")]


def test_C4_a_rename_onto_a_path_taken_since_gets_a_free_name() -> None:
    log = Log().commit(Rename(path="lib/a.py", to="app.py"))
    assert log.late(Rename(path="main.py", to="app.py")) == [Rename(path="main.py", to="app-2.py")]
    log = Log().commit(Create(file="s", path="src/x.py"))
    assert log.late(Rename(path="lib", to="src"), Create(file="c", path="src/c.py")) == [
        Rename(path="lib", to="src-2"), Create(file="c", path="src-2/c.py"),
    ]  # fmt: skip


def test_C4_a_file_where_a_folder_is_needed_does_not_stop_the_new_file() -> None:
    log = Log().commit(Create(file="t", path="tools", text="a file"))
    log.late(Create(file="c", path="tools/c.py"), Create(file="d", path="tools/d.py"))
    assert {"tools", "tools-2/c.py", "tools-2/d.py"} < log.paths


def test_C4_two_people_create_the_same_folder_and_it_is_one() -> None:
    log = Log().commit(Create(file="x", path="src/x.py"))
    assert log.late(CreateFolder(path="src"), Create(file="y", path="src/y.py")) == [Create(file="y", path="src/y.py")]


def test_C5_what_was_wrong_at_the_clients_own_revision_is_refused() -> None:
    log = Log().commit(Create(file="z", path="z.py"))
    refused: list[tuple[AnyOperation, type[Exception]]] = [
        (Create(file="n", path="main.py"), Conflict), (Create(file="n", path="Main.py"), Conflict),
        (Create(file="main", path="n.py"), Conflict), (Create(file="z", path="n.py"), Conflict),
        (Rename(path="main.py", to="lib"), Conflict), (Rename(path="zap", to="n.py"), NotFound),
        (Rename(path="lib", to="lib/deep/lib"), Conflict), (Delete(path="zap"), NotFound),
        (Delete(path="z.py"), NotFound),
        (Rename(path="z.py", to="y.py"), NotFound), (CreateFolder(path="main.py"), Conflict),
        (Create(file="n", path="../n"), BadPath), (edit("zap"), NotFound),
    ]  # fmt: skip
    for op, error in refused:
        with pytest.raises(error):
            log.late(op)


# --- C6: deletes ----------------------------------------------------------------------------------------------------


def test_C6_deleting_a_folder_leaves_files_that_the_deleter_had_not_seen() -> None:
    log = Log().commit(Create(file="n", path="lib/deep/new.py"), Rename(path="main.py", to="lib/main.py"))
    ops = log.late(Delete(path="lib"))
    assert log.paths == {"lib/deep/new.py", "lib/main.py"}
    assert ops == [Delete(path="lib/a.py"), Delete(path="lib/deep/b.py")]


def test_C6_folders_without_unseen_files_go_as_a_whole() -> None:
    log = Log().commit(Create(file="n", path="lib/new.py"))
    assert log.late(Delete(path="lib")) == [Delete(path="lib/a.py"), Delete(path="lib/deep")]


def test_C6_a_delete_wins_over_edits_made_since() -> None:
    log = Log().commit(edit("a", 1, [0, "more"]))
    log.late(Delete(path="lib/a.py"))
    assert log.paths == {"main.py", "lib/deep/b.py"}


# --- C7: limits -----------------------------------------------------------------------------------------------------


def test_C7_an_edit_that_would_take_too_long_to_map_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "MAX_WORK", 50)
    log = Log()
    for number in range(20):
        log.commit(edit("main", 5 + number, [0, "x"]))
    with pytest.raises(Stale):
        log.late(edit("main", 5, [0, "!"]))


def test_C7_a_batch_of_too_many_operations_is_refused() -> None:
    with pytest.raises(BadInput) as refusal:
        Log().late(*[edit("main", 5)] * (canonical.MAX_OPERATIONS + 1))
    assert refusal.value.code == "batch-too-long"
