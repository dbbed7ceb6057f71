"""Loads the settings, and Django, for commands; turns every mistake in the environment into a sentence."""

from __future__ import annotations

import importlib
import os
from typing import Any

from quickedit.cli.failure import CommandFailed


def load_settings() -> Any:
    """The module ``quickedit.settings``: ports, origins, directories. Costs a tenth of what Django costs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quickedit.settings")
    try:
        return importlib.import_module("quickedit.settings")
    except OSError as error:
        raise CommandFailed(
            f"The data directory cannot be used: {error}. Set QUICKEDIT_DATA_DIR to another one."
        ) from error
    except Exception as error:
        if type(error).__name__ == "ImproperlyConfigured":
            raise CommandFailed(f"A setting is not right: {error}", 2) from error
        raise


def load_django() -> Any:
    """The settings, with Django's apps loaded; models may be used from now on."""
    settings = load_settings()
    importlib.import_module("django").setup()
    return settings
