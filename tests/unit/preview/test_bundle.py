"""The path rule, the limits, the digest and the configuration of preview.bundle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preview import bundle
from preview.bundle import BadModulePath, BundleTooLarge, ConfigError, check_path, read_config

MAIN = b"from workers import Response\n"


@pytest.mark.parametrize(
    "path", ["main.py", "src/entry.py", "a/b/c/d.txt", "été.py", "with space.txt", ".hidden", "a" * 255]
)
def test_a_usual_path_is_allowed_and_comes_back_as_it_is(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../up.py", "a/../b.py", "./a.py", "a//b.py", "a/", "a\\b.py", "nul\0.py", "tab\t.py", "line\n.py",
        "del\x7f.py", "c1\x85.py", "dot.", "space ", " lead.py", "folder./a.py", "half\ud800.py", "a" * 256, "é" * 128,
        "/".join(["abcdefg"] * 129), "con", "aux.py", "lpt1.txt", "a/NUL.py", "evil\u202egpj.py", "line\u2028.py", "x" * 4096,
    ],
)  # fmt: skip
def test_B1_a_path_that_no_file_system_or_reader_agrees_on_is_refused_with_a_sentence(path: str) -> None:
    with pytest.raises(BadModulePath) as caught:
        check_path(path)
    assert str(caught.value)[0] in "A“" and str(caught.value)[-1] == "."


@given(st.text(max_size=40))
def test_B1_whatever_is_allowed_stays_below_its_root(path: str) -> None:
    try:
        check_path(path)
    except BadModulePath:
        return
    assert not path.startswith("/") and ".." not in path.split("/") and "\0" not in path and path.encode()


def test_limits_are_refused_by_name_of_the_module() -> None:
    bundle.check_modules({"a.py": b"x" * bundle.MAX_MODULE})
    with pytest.raises(BundleTooLarge, match=r"a\.py"):
        bundle.check_modules({"a.py": b"x" * (bundle.MAX_MODULE + 1)})
    with pytest.raises(BundleTooLarge, match="512"):
        bundle.check_modules({f"m{n}.py": b"" for n in range(513)})
    with pytest.raises(BundleTooLarge, match="together"):
        bundle.check_modules({f"m{n}.py": b"x" * bundle.MAX_MODULE for n in range(11)})


def test_equal_content_has_an_equal_digest_in_whatever_order() -> None:
    one = bundle.digest({"a.py": b"1", "b.py": b"2"})
    assert one == bundle.digest({"b.py": b"2", "a.py": b"1"})
    assert one != bundle.digest({"a.py": b"2", "b.py": b"1"}) != bundle.digest({"a.pyb.py": b"12"})


@pytest.mark.parametrize(
    ("modules", "main", "root", "dotted"),
    [
        ({"main.py", "worker.py"}, "main.py", "", "main"),
        ({"worker.py", "src/entry.py"}, "worker.py", "", "worker"),
        ({"src/entry.py"}, "src/entry.py", "src", "entry"),
    ],
)
def test_without_configuration_the_main_module_is_found_by_name(
    modules: set[str], main: str, root: str, dotted: str
) -> None:
    config = read_config(dict.fromkeys(modules, MAIN))
    assert (config.main, config.root, config.main_module, config.source) == (main, root, dotted, "")


def test_quickedit_json_comes_before_wrangler_files() -> None:
    config = read_config({
        "quickedit.json": b'{"main": "app/index.py", "name": "mine", "variables": {"A": "1", "N": 2}}',
        "wrangler.toml": b'main = "other.py"',
        "app/index.py": MAIN,
    })  # fmt: skip
    assert config == bundle.Config("app/index.py", "app", "mine", "", {"A": "1", "N": "2"}, "quickedit.json")


def test_wrangler_jsonc_may_hold_comments_and_trailing_commas() -> None:
    text = """{
      // the name
      "name": "a // b /* c */", /* block
      comment */ "main": "./src/entry.py",
      "compatibility_date": "2025-01-01",
      "vars": {"GREETING": "hi, }", "LIST": [1, 2,],},
      "triggers": {"crons": ["* * * * *"]},
    }"""
    config = read_config({"wrangler.jsonc": text.encode(), "src/entry.py": MAIN})
    assert (config.name, config.main, config.root) == ("a // b /* c */", "src/entry.py", "src")
    assert config.variables == {"GREETING": "hi, }", "LIST": "[1, 2]"}


def test_wrangler_toml_is_read_with_its_table_of_variables() -> None:
    text = b'name = "t"\nmain = "src/entry.py"\ncompatibility_date = 2025-03-04\n[vars]\nA = "x"\nB = true\n'
    config = read_config({"wrangler.toml": text, "src/entry.py": MAIN})
    assert (config.name, config.compatibility_date, config.variables) == ("t", "2025-03-04", {"A": "x", "B": "true"})


@pytest.mark.parametrize(
    ("path", "text", "line", "word"),
    [
        ("quickedit.json", '{\n  "name": "a",\n  "main" "b.py"\n}', 3, "parse"),
        ("quickedit.json", '{\n\n  "main": 3\n}', 3, "text"),
        ("quickedit.json", '{\n  "mian": "main.py"\n}', 2, "mian"),
        ("quickedit.json", '{"variables": {"A": 1},\n"main": "nope.py"}', 2, "does not exist"),
        ("quickedit.json", '{"variables": []}', 1, "object"),
        ("quickedit.json", "[]", 1, "object"),
        ("quickedit.json", '{"name": "\\ud800"}', 1, "surrogate"),
        ("quickedit.json", "[" * 100_000, 0, "deep"),
        ("wrangler.toml", 'name = "x"\nmain = \n', 2, "parse"),
        ("wrangler.toml", 'name = "x"\nmain = "../x.py"\n', 2, "cannot be"),
        ("wrangler.jsonc", '{\n// c\n"main": "index.js"}', 3, "not a .py"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_file_and_line(path: str, text: str, line: int, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config({path: text.encode(), "main.py": MAIN})
    assert (caught.value.path, caught.value.line) == (path, line)
    assert word in caught.value.message


def test_a_misspelt_main_module_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        read_config({"quickedit.json": b'{"main": "src/entyr.py"}', "src/entry.py": MAIN})
    assert caught.value.code == "no-main" and "src/entry.py" in caught.value.hint


def test_a_worker_without_a_main_module_is_told_what_to_add() -> None:
    with pytest.raises(ConfigError) as caught:
        read_config({"readme.md": b""})
    assert caught.value.code == "no-main" and "main.py" in caught.value.hint


@pytest.mark.parametrize("text", ["/*" * 100_000, '"\\"' * 80_000, "// " * 80_000, "," * 200_000, "{," + " " * 200_000])
def test_hostile_configuration_costs_little_time(text: str) -> None:
    with pytest.raises(ConfigError):
        read_config({"wrangler.jsonc": text.encode(), "main.py": MAIN})


@given(st.binary(max_size=200))
def test_B2_random_bytes_as_configuration_raise_nothing_but_a_configuration_error(data: bytes) -> None:
    for path in bundle.CONFIG_FILES:
        try:
            read_config({path: data, "main.py": MAIN})
        except ConfigError as error:
            assert error.message
