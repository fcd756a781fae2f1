from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from keys import registry
        from tenants import provisioning
        from vault.actions import StoredFiles, provision_bucket

        provisioning.add_step("bucket", "Making the bucket", provision_bucket)
        registry.add_holder(StoredFiles())
