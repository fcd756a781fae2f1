"""The events that an endpoint can be sent, grouped by what they are about, as the picker shows them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from audit.tags import ORGANIZATION_WIDE, Tag
from audit.told import TOLD
from hq.authz.actor import Actor

# In the order in which people look for them.
NOUNS = {
    "object": "Files",
    "share": "Share links",
    "upload_request": "Upload requests",
    "agreement": "Agreements",
    "agreement_template": "Templates of agreements",
    "brand": "Branding",
    "artifact": "Artifacts",
    "artifact_link": "Links to artifacts",
    "credentials": "Storage credentials",
    "api_key": "API keys",
    "key": "Encryption keys",
    "member": "Members",
    "invitation": "Invitations",
    "group": "Groups",
    "access": "Access rules",
    "service_account": "Service accounts",
    "workload": "Workload tokens",
    "workload_trust": "Workload trusts",
    "session": "Sessions",
    "policy": "Policy",
    "sso": "Single sign-on",
    "domain": "Domains",
    "directory_token": "Directory sync",
    "support": "Support access",
    "webhook": "Webhooks",
    "stream": "Streams",
    "job": "Jobs",
    "export": "Exports",
    "trail": "Trail",
    "witness": "Witnesses",
    "database": "Database",
    "retention": "Retention",
    "hold": "Legal holds",
    "erasure": "Erasure",
    "organization": "Organization",
    "operator": "Operators",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One event. `told` is what the trail says of it, without who did it."""

    tag: str
    told: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Every event about one noun."""

    noun: str
    title: str
    choices: tuple[Choice, ...]

    @property
    def chosen(self) -> int:
        return sum(choice.chosen for choice in self.choices)


def told(tag: str) -> str:
    """`Made the API key …` for `api_key:created`; a tag that is no longer known tells itself."""
    try:
        phrase = TOLD[Tag(tag)][1]
    except ValueError:
        return tag
    return phrase[:1].upper() + phrase[1:].replace("{}", "…")


def groups(tags: Iterable[str], chosen: Collection[str] = ()) -> list[Group]:
    """These tags by noun. What is about nothing that has a place here comes last, by its own name."""
    by_noun: dict[str, list[Choice]] = {noun: [] for noun in NOUNS}
    for tag in tags:
        noun = tag.partition(":")[0]
        by_noun.setdefault(noun, []).append(Choice(tag, told(tag), tag in chosen))
    return [
        Group(noun, NOUNS.get(noun, noun.replace("_", " ").capitalize()), tuple(choices))
        for noun, choices in by_noun.items()
        if choices
    ]


def offered(actor: Actor) -> list[str]:
    """Every event that can happen in the actor's environment: what concerns the organization is told in live.

    A test goes to the endpoint that it tests, whatever that one asks for.
    """
    live = actor.environment_id == actor.home_environment_id
    told_here = [tag for tag in Tag if live or tag not in ORGANIZATION_WIDE]
    return [tag for tag in told_here if tag != Tag.WEBHOOK_TESTED]
