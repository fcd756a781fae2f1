from django.apps import AppConfig


class ArtifactsConfig(AppConfig):
    name = "artifacts"

    def ready(self) -> None:
        from artifacts.actions import end_links_of, end_links_of_demoted
        from artifacts.actions.deploying import deployment_moved
        from artifacts.actions.upkeep import CLASSES
        from hq.db.retention import register
        from tenants.registry import on_departure, on_role_change
        from vault.actions.packages import on_move

        on_move("artifacts", deployment_moved)
        on_departure("artifacts", end_links_of)
        on_role_change("artifacts", end_links_of_demoted)
        for record in CLASSES.values():
            register(record)
