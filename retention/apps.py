from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        from hq.db.retention import register_periods
        from retention.selectors import ChosenPeriods

        register_periods(ChosenPeriods())
