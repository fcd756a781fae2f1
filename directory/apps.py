from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "directory"

    def ready(self) -> None:
        from directory import signals
        from directory.actions.scim_people import note_departure
        from directory.selectors import sso
        from tenants import registry

        signals.connect()
        registry.sign_in_with(sso.sign_in_address, sso.active_connection)
        registry.came_by_sso(sso.people_who_came)
        registry.on_departure("directory", note_departure)
