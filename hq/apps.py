from django.apps import AppConfig


class HqConfig(AppConfig):
    name = "hq"
    label = "hq"
