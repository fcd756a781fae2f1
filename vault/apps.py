from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from tenants import provisioning
        from vault.actions import provision_bucket

        provisioning.add_step("bucket", "Making the bucket", provision_bucket)
