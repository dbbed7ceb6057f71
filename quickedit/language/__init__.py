"""Language features of an editing session over the Language Server Protocol: completion from jedi and ty together, type errors,
hover, definitions and renames from ty, lint and format from ruff.

One ``session.LanguageSession`` a socket, made by ``quickedit.editor``. Analysis happens in confined processes that hold nothing
but the text of workspaces; this package never runs, imports or compiles a user's code. Nothing is imported here: the analysing
processes are modules of this package, and start the faster for it.
"""
