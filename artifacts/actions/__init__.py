"""Verbs on published artifacts."""

from artifacts.actions.artifacts import (
    Access,
    change_artifact,
    create_artifact,
    remove_artifact,
    remove_deployment,
    show_deployment,
)
from artifacts.actions.deploying import deploy_archive, deploy_folder
from artifacts.actions.door import LinkCannotBeOpened, WrongPassword, enter_password, look_at_link, open_link
from artifacts.actions.links import address_of, create_links, end_links_of, end_links_of_demoted, revoke_link
from artifacts.actions.sending import deploy_request

__all__ = [
    "Access",
    "LinkCannotBeOpened",
    "WrongPassword",
    "address_of",
    "change_artifact",
    "create_artifact",
    "create_links",
    "deploy_archive",
    "deploy_folder",
    "deploy_request",
    "end_links_of",
    "end_links_of_demoted",
    "enter_password",
    "look_at_link",
    "open_link",
    "remove_artifact",
    "remove_deployment",
    "revoke_link",
    "show_deployment",
]
