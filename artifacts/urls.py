"""Addresses of artifacts in the portal, below an environment."""

from django.urls import path

from artifacts import views

app_name = "artifacts"
urlpatterns = [
    path("", views.artifact_list, name="list"),
    path("new", views.new_artifact, name="new"),
    path("<uuid:id>", views.artifact, name="artifact"),
    path("<uuid:id>/change", views.change, name="change"),
    path("<uuid:id>/deploy", views.deploy, name="deploy"),
    path("<uuid:id>/deploy-folder", views.deploy_folder, name="deploy_folder"),
    path("<uuid:id>/current", views.switch, name="switch"),
    path("<uuid:id>/deployments/<int:number>", views.deployment, name="deployment"),
    path("<uuid:id>/deployments/<int:number>/remove", views.remove_deployment, name="remove_deployment"),
    path("<uuid:id>/links", views.new_links, name="new_links"),
    path("<uuid:id>/links/<uuid:link_id>/revoke", views.revoke_link, name="revoke_link"),
    path("<uuid:id>/remove", views.remove, name="remove"),
]
