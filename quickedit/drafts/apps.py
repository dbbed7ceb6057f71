from __future__ import annotations

from django.apps import AppConfig


class DraftsConfig(AppConfig):
    name = "quickedit.drafts"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_out

        from quickedit.drafts.signout import revoke_labels

        user_logged_out.connect(revoke_labels, dispatch_uid="quickedit.drafts.revoke_labels")
