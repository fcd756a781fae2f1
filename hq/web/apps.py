from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "hq.web"
    label = "web"
