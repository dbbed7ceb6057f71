"""Imported for its effect by test modules that import models: ``import tests.with_django  # noqa: F401``, first of all."""

import django

django.setup()
