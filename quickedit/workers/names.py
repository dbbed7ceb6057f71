"""What a worker may be called: the one rule, as a worker's name is also a host name and a path.

Pages, the HTTP API and ``quickedit.lifecycle`` call it. It only judges the text; whether a name is taken is the
database's to say.
"""

from __future__ import annotations

import re

from quickedit.errors import BadInput

MAX_NAME = 58
"""Characters: a DNS label has 63, and five are kept for prefixes of our own."""
PREVIEW_PREFIX = "p-"
_RESERVED_WORDS = """
    account accounts admin api app assets auth cdn dashboard docs edit editor ftp healthz help host imap internal
    localhost localdomain login logout mail metrics mx names new ns ns1 ns2 pop preview quickedit restore root runner
    settings smtp static status support web workers ws www
"""
RESERVED = frozenset(_RESERVED_WORDS.split())

_NAME = re.compile(r"[a-z][a-z0-9-]{0,57}")


def check_name(name: str) -> str:
    """The name, unchanged. Raises BadInput, with a sentence that says what to write instead."""
    if not name:
        raise BadInput("A worker needs a name.", code="bad-name", hint="Write lower-case letters, digits and hyphens.")
    if len(name) > MAX_NAME:
        raise BadInput(f"The name is {len(name)} characters long; {MAX_NAME} are possible.", code="bad-name")
    if not _NAME.fullmatch(name):
        raise BadInput(
            "A name begins with a letter and has only lower-case letters, digits and hyphens.",
            code="bad-name",
            hint="It becomes the worker's address, so nothing else is possible.",
        )
    if name.startswith(PREVIEW_PREFIX):
        raise BadInput(
            "Names that begin with “p-” are kept for previews.", code="reserved-name", hint="Choose another beginning."
        )
    if name.endswith("-"):
        raise BadInput("A name cannot end with a hyphen.", code="bad-name")
    if name in RESERVED or name.startswith("xn--"):
        raise BadInput(
            f"“{name}” is reserved.", code="reserved-name", hint="Choose another name, for example with a second word."
        )
    return name
