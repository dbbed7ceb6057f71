from __future__ import annotations

from django.apps import AppConfig


class EditorConfig(AppConfig):
    name = "quickedit.editor"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_out
        from django.db.models.signals import post_delete, post_save

        from quickedit.editor import events
        from quickedit.workers.models import Membership, Worker

        user_logged_out.connect(events.signed_out, dispatch_uid="quickedit.editor.signed_out")
        post_save.connect(events.worker_saved, sender=Worker, dispatch_uid="quickedit.editor.worker_saved")
        post_save.connect(events.members_changed, sender=Membership, dispatch_uid="quickedit.editor.member_saved")
        post_delete.connect(events.members_changed, sender=Membership, dispatch_uid="quickedit.editor.member_removed")
