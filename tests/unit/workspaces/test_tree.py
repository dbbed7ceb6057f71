"""The tree of a workspace: paths, clashes, limits; and that a refused operation has changed nothing."""

from __future__ import annotations

import pytest

from preview.bundle import MAX_MODULE, MAX_MODULES
from quickedit.errors import BadInput, BadPath, Conflict, NotFound, QuickEditError, TooLarge
from quickedit.wire.messages import AnyOperation, Create, CreateFolder, Delete, Edit, Rename, SetAttributes
from quickedit.workspaces.paths import MAX_FOLDERS, free_name
from quickedit.workspaces.tree import Workspace, split_text


def workspace(*paths: str) -> Workspace:
    """Files at these paths, whose ids are their paths with other characters; a path that ends with a slash is a
    folder."""
    made = Workspace()
    for path in paths:
        op: AnyOperation = CreateFolder(path=path[:-1]) if path.endswith("/") else Create(file=id_of(path), path=path)
        made = made.apply(op)
    return made


def id_of(path: str) -> str:
    return path.replace("/", "-").replace(".", "_")


def shape(value: Workspace) -> tuple[set[str], set[str]]:
    assert {file.path: file.id for file in value.files.values()} == dict(value.tree.ids)
    assert value.size == sum(len(content) for content in value.modules({}).values())
    return set(value.tree.ids), set(value.folders)


BAD_PATHS = [
    "", "/a", "a/", "a//b", "./a", "a/..", "../a", "a/../b", "a\\b", "a\0b", "a\nb", "a\x7f", "a.", "a ", " a", "a/ /b",
    "\ud800", "a\u202eb", "con", "x" * 256, "/".join(["abcdefg"] * 200), "é" * 128,
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS)
def test_B1_an_illegal_path_is_refused_with_a_sentence(path: str) -> None:
    before = workspace("a.py")
    ops: list[AnyOperation] = [Create(file="f", path=path), CreateFolder(path=path), Rename(path="a.py", to=path)]
    for op in ops:
        with pytest.raises(BadPath) as refusal:
            before.apply(op)
        assert refusal.value.message.endswith(".")
    assert shape(before) == ({"a.py"}, set())


def test_B1_a_rename_cannot_make_the_paths_below_it_too_long() -> None:
    deep = workspace("/".join(["x" * 100] * 9) + ".py")
    with pytest.raises(BadPath):
        deep.apply(Rename(path="x" * 100, to="/".join(["y" * 200] * 2)))


@pytest.mark.parametrize(
    "path", ["Main.py", "MAIN.PY", "main.py", "lib", "Lib", "LIB/b.py", "main.py/x", "main.py/x/y", "é.py"]
)
def test_B1_a_path_that_exists_or_differs_only_in_case_is_a_conflict(path: str) -> None:
    before = workspace("main.py", "lib/a.py", "e\u0301.py", "other.py")
    ops: list[AnyOperation] = [Create(file="f", path=path), Rename(path="other.py", to=path)]
    for op in ops:
        with pytest.raises(Conflict) as refusal:
            before.apply(op)
        assert refusal.value.code == "path-taken"


def test_a_name_can_change_its_case() -> None:
    after = (
        workspace("Main.py", "Lib/a.py").apply(Rename(path="Main.py", to="main.py")).apply(Rename(path="Lib", to="lib"))
    )
    assert shape(after) == ({"main.py", "lib/a.py"}, {"lib"})


def test_folders_above_a_new_file_come_with_it() -> None:
    assert shape(workspace("a/b/c.py")) == ({"a/b/c.py"}, {"a", "a/b"})


def test_a_folder_that_exists_may_be_created_again() -> None:
    assert shape(workspace("lib/", "lib/")) == (set(), {"lib"})


def test_Y4_a_folder_is_renamed_with_all_that_it_holds_at_once() -> None:
    before = workspace("lib/a.py", "lib/deep/b.py", "library.py", "lib/empty/")
    after = before.apply(Rename(path="lib", to="src/lib2"))
    assert shape(after) == (
        {"src/lib2/a.py", "src/lib2/deep/b.py", "library.py"},
        {"src", "src/lib2", "src/lib2/deep", "src/lib2/empty"},
    )
    assert shape(before)[0] == {"lib/a.py", "lib/deep/b.py", "library.py"}


def test_a_folder_cannot_be_moved_into_itself() -> None:
    with pytest.raises(Conflict) as refusal:
        workspace("lib/a.py").apply(Rename(path="lib", to="lib/lib"))
    assert refusal.value.code == "into-itself"


def test_a_delete_takes_all_that_a_folder_holds_and_its_ids_are_never_used_again() -> None:
    after = workspace("lib/a.py", "lib/deep/b.py", "lib.py").apply(Delete(path="lib"))
    assert shape(after) == ({"lib.py"}, set())
    with pytest.raises(Conflict) as refusal:
        after.apply(Create(file=id_of("lib/a.py"), path="new.py"))
    assert refusal.value.code == "id-taken"


def test_an_edit_of_a_deleted_file_says_so_and_of_an_unknown_one_too() -> None:
    after = workspace("a.py").apply(Delete(path="a.py"))
    for op in (Edit(file="a_py", changes=[]), SetAttributes(file="a_py", eol="lf", bom=False)):
        with pytest.raises(Conflict) as deleted:
            after.apply(op)
        assert deleted.value.code == "file-deleted"
    with pytest.raises(NotFound) as unknown:
        after.apply(Edit(file="zap", changes=[]))
    assert unknown.value.code == "unknown-file"


@pytest.mark.parametrize(
    "op", [Delete(path="zap"), Rename(path="zap", to="b"), Delete(path="a"), Delete(path="a.py/b")]
)
def test_what_is_not_there_can_be_neither_deleted_nor_renamed(op: AnyOperation) -> None:
    with pytest.raises(NotFound):
        workspace("a.py").apply(op)


def test_Y6_line_ends_and_the_byte_order_mark_are_attributes_and_come_back_in_the_bytes() -> None:
    made = Workspace().apply(Create(file="f", path="a.txt", text="one\ntwo 😀\n", eol="crlf", bom=True))
    assert made.modules({}) == {"a.txt": b"\xef\xbb\xbfone\r\ntwo \xf0\x9f\x98\x80\r\n"}
    assert shape(made.apply(SetAttributes(file="f", eol="lf", bom=False)))[0] == {"a.txt"}
    assert made.apply(SetAttributes(file="f", eol="lf", bom=False)).modules({}) == {"a.txt": "one\ntwo 😀\n".encode()}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\r\nb\r\n", ("a\nb\n", "crlf", False)),
        ("\ufeffa\nb\r\nc\rd", ("a\nb\nc\nd", "lf", True)),
        ("", ("", "lf", False)),
        ("\n\r\n", ("\n\n", "lf", False)),
        ("\r", ("\n", "lf", False)),
    ],
)
def test_Y6_content_from_outside_is_split_into_text_and_attributes(
    content: str, expected: tuple[str, str, bool]
) -> None:
    assert split_text(content) == expected


def test_Y6_a_carriage_return_or_a_lone_surrogate_in_a_new_file_is_refused() -> None:
    for text, code in (("a\r\n", "line-ends"), ("\ud800", "lone-surrogate")):
        with pytest.raises(BadInput) as refusal:
            Workspace().apply(Create(file="f", path="a", text=text))
        assert refusal.value.code == code


@pytest.mark.parametrize(
    ("text", "eol"),
    [("x" * (MAX_MODULE + 1), "lf"), ("é" * (MAX_MODULE // 2 + 1), "lf"), ("\n" * (MAX_MODULE // 2 + 1), "crlf")],
)
def test_a_module_over_a_mebibyte_is_refused_however_it_gets_there(text: str, eol: str) -> None:
    with pytest.raises(TooLarge):
        Workspace().apply(Create(file="f", path="a", text=text, eol="crlf" if eol == "crlf" else "lf"))
    full = Workspace().apply(Create(file="f", path="a", text="x" * MAX_MODULE))
    with pytest.raises(TooLarge, match="1048577"):
        full.apply(Edit(file="f", changes=[MAX_MODULE, [0, "x"]]))
    with pytest.raises(TooLarge):
        full.apply(SetAttributes(file="f", eol="lf", bom=True))
    assert full.apply(Edit(file="f", changes=[[1, "y"], MAX_MODULE - 1])).size == MAX_MODULE


def test_a_worker_over_ten_mebibytes_is_refused_and_can_be_made_smaller() -> None:
    full = Workspace()
    for number in range(10):
        full = full.apply(Create(file=f"f{number}", path=f"{number}.txt", text="x" * MAX_MODULE))
    with pytest.raises(TooLarge, match="10485761"):
        full.apply(Create(file="one", path="one.txt", text="x"))
    smaller = full.apply(Edit(file="f1", changes=[[10], MAX_MODULE - 10]))
    assert smaller.apply(Create(file="one", path="one.txt", text="x")).size == 10 * MAX_MODULE - 9


def test_more_than_512_modules_are_refused() -> None:
    full = workspace(*(f"{number}.py" for number in range(MAX_MODULES)))
    with pytest.raises(TooLarge, match="512 modules"):
        full.apply(Create(file="one", path="one.py"))
    assert len(full.apply(Delete(path="0.py")).apply(Create(file="one", path="one.py")).files) == MAX_MODULES


def test_more_than_512_folders_are_refused() -> None:
    full = workspace(*(f"{number}/" for number in range(MAX_FOLDERS)))
    ops: list[AnyOperation] = [
        CreateFolder(path="one"),
        Create(file="f", path="one/a.py"),
        Rename(path="0", to="one/a"),
    ]
    for op in ops:
        with pytest.raises(TooLarge, match="512 folders"):
            full.apply(op)


def test_free_names_count_up_before_the_extension() -> None:
    taken = {"util.py", "util-2.py", "lib", "a/.env"}
    assert free_name("util.py", taken.__contains__) == "util-3.py"
    assert free_name("lib", taken.__contains__) == "lib-2"
    assert free_name("a/.env", taken.__contains__) == "a/.env-2"
    assert free_name("free.py", taken.__contains__) == "free.py"


def test_a_refused_operation_leaves_the_workspace_as_it_was() -> None:
    before = workspace("a.py", "lib/b.py")
    copy = Workspace(dict(before.files), before.tree, before.gone, before.size)
    ops: list[AnyOperation] = [
        Create(file="f", path="a.py"), Create(file="a_py", path="x"), Rename(path="lib", to="a.py"), Delete(path="x"),
        Edit(file="a_py", changes=[1]), Rename(path="lib", to="lib/c"), CreateFolder(path="a.py"),
    ]  # fmt: skip
    for op in ops:
        with pytest.raises(QuickEditError):
            before.apply(op)
    assert before == copy
