"""What the type checker is told as it starts: the parameters of the protocol's ``initialize``, and its environment. Used by
``checker``; the kinds of token are ``session``'s as well.
"""

from __future__ import annotations

import sys
from typing import Any

from quickedit.language.mirror import Home, Mirror

ENVIRONMENT = {
    "XDG_CONFIG_HOME": "/nonexistent", "TY_MAX_PARALLELISM": "1", "RAYON_NUM_THREADS": "1",
    # One arena: several would keep free memory each.
    "MALLOC_ARENA_MAX": "1",
}  # fmt: skip
"""Of its process."""
_CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "diagnostic": {},
        "publishDiagnostics": {"relatedInformation": True, "tagSupport": {"valueSet": [1, 2]}},
        "completion": {"completionItem": {"documentationFormat": ["markdown"], "labelDetailsSupport": True}},
        "hover": {"contentFormat": ["markdown"]},
        "definition": {"linkSupport": True},
        "typeDefinition": {"linkSupport": True},
        "rename": {"prepareSupport": True},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
        "semanticTokens": {
            "requests": {"full": True, "range": True}, "tokenTypes": [], "tokenModifiers": [], "formats": ["relative"],
        },
    },
}  # fmt: skip
_TOKEN_TYPES = """
    namespace class parameter selfParameter clsParameter variable property function method keyword string number
    decorator builtinConstant typeParameter operator regexp
"""
TOKEN_TYPES = _TOKEN_TYPES.split()
TOKEN_MODIFIERS = ["definition", "readonly", "async", "documentation"]


def params(home: Home, mirror: Mirror, source: str) -> dict[str, Any]:
    """For a session's mirror; ``source`` is the folder in it that imports begin from, "" for its root."""
    root = mirror.root / source if source else mirror.root
    uri = mirror.root.as_uri()
    environment = {
        "root": [str(root)],
        "extra-paths": [str(mirror.stubs), str(home.platform), str(mirror.asked)],
        "python": str(home.python),
        "python-version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "python-platform": "linux",
    }
    return {
        "processId": None,
        "rootUri": uri,
        "workspaceFolders": [{"uri": uri, "name": "worker"}],
        "capabilities": _CAPABILITIES,
        "initializationOptions": {
            "logLevel": "error",
            "diagnosticMode": "workspace",
            "completions": {"autoImport": False},
            "inlayHints": {"variableTypes": True, "callArgumentNames": False},
            "configuration": {"environment": environment},
        },
    }
