"""An analysing process: ``python -m quickedit.language.engine HOME``. Started, asked and killed by ``pool``.

It answers one question at a time from standard input on standard output, as frames. Before the first one it confines itself:
it can read the standard library, the analyser and what lies below HOME, write nothing, start nothing, connect to nothing.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, BinaryIO

from jedi.api.environment import Environment, InvalidPythonEnvironment
from jedi.api.exceptions import InternalError

from quickedit.language import confine, frames, hardening, introspect
from quickedit.language.analysis import Analyst

_log = logging.getLogger("quickedit.language.engine")


def main(home: str) -> int:
    """Until standard input ends. Status 1 where the helper process is gone: the pool then starts a new pair."""
    confine.die_with_parent()
    questions, answers = _take_streams()
    logging.basicConfig(level=logging.WARNING, format="language: %(message)s", stream=sys.stderr)
    standard_library = confine.standard_library()
    hardening.install(standard_library, os.path.abspath(introspect.__file__))
    environment = Environment(
        sys.executable, env_vars={"LANG": "C.UTF-8", "HOME": "/nonexistent", introspect.HOME: home}
    )
    for lacking in confine.confine(home):
        _log.warning("runs without %s", lacking)
    analyst = Analyst(environment, os.path.join(home, "platform"), standard_library)
    analyst.warm()
    _send(answers, {"ready": True})
    while (question := frames.read(questions)) is not None:
        try:
            result = _answer(analyst, question)
        except (InternalError, InvalidPythonEnvironment):
            return 1
        except (Exception, RecursionError) as error:  # jedi stumbles over unfinished text; that is no reason to end
            _log.warning("no answer: %r", error, exc_info=True)
            result = None
        _send(answers, {"result": result})
    return 0


def _answer(analyst: Analyst, question: dict[str, Any]) -> Any:
    method, arguments = question["method"], question["arguments"]
    if method == "complete":
        return analyst.complete(**arguments)
    if method == "resolve":
        return analyst.resolve(**arguments)
    if method == "offers":
        return analyst.offers(**arguments)
    if method == "signatures":
        return analyst.signatures(**arguments)
    raise ValueError(f"no such question: {method}")


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keeps the two pipes for frames; whatever prints goes to standard error from now on."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return questions, answers


def _send(answers: BinaryIO, message: dict[str, Any]) -> None:
    answers.write(frames.encode(message))
    answers.flush()


if __name__ == "__main__":
    os._exit(main(sys.argv[1]))  # jedi would wait here for its helper, which a confined process cannot kill
