from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        # Every process knows every kind: the web process to refuse unknown ones, the worker to claim what it can do.
        autodiscover_modules("tasks")
