"""``quickedit login-link``: one more URL that signs the owner in, once. Works beside a running Quick Edit."""

from __future__ import annotations

import argparse

from quickedit.cli.configuration import load_django


def run(arguments: argparse.Namespace) -> int:
    load_django()
    print(make())
    return 0


def make() -> str:
    """The URL of a new link for the owner. The database is brought up to date first and no connection is left open."""
    # Models can be imported only once Django is set up, which is why these are not at the top.
    from django.db import connections

    from quickedit.accounts import links
    from quickedit.cli import database

    if database.behind():
        database.migrate()
    try:
        return links.create().url
    finally:
        connections.close_all()
