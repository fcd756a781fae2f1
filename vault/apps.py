from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from hq.db.retention import register
        from keys import registry
        from tenants import provisioning
        from tenants.registry import on_erasure
        from vault.actions import StoredFiles, provision_bucket
        from vault.actions.buckets import follow_key
        from vault.actions.multipart import part_moved
        from vault.actions.packages import on_move
        from vault.actions.purge import DELETED, VERSIONS, forget_person

        provisioning.add_step("bucket", "Making the bucket", provision_bucket)
        registry.add_holder(StoredFiles())
        registry.add_follower(follow_key)
        on_move("vault", part_moved)
        register(DELETED)
        register(VERSIONS)
        on_erasure("vault", lambda organization_id, person_id, _: forget_person(organization_id, person_id))
