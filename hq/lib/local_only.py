"""The local-only class: what never leaves a person's machine. The server refuses it, a sync client skips it.

The table is data that any client can read. A pattern is a name, or names joined by "/"; it matches at any depth,
whatever the case, and with everything below it. `*` stands for any characters within one name.
"""

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocalOnlyRule:
    """One kind of thing that stays, the sentence that says so, and how to recognise it."""

    name: str
    sentence: str
    patterns: tuple[str, ...]


LOCAL_ONLY = (
    LocalOnlyRule(
        "version-control",
        "Version-control internals stay on your machine.",
        (".git", "git~1", ".hg", ".svn", ".bzr", ".jj", ".pijul", "_darcs"),
    ),
    LocalOnlyRule(
        "credential-directories",
        "Credential directories stay on your machine.",
        (
            *(".aws", ".azure", ".config/gcloud", ".docker/config.json", ".gnupg", ".kube", ".oci", ".password-store"),
            *(".ssh", ".terraform.d", ".local/share/keyrings", "library/keychains"),
        ),
    ),
    LocalOnlyRule(
        "credential-files",
        "Credential files stay on your machine.",
        (
            *(".env", ".env.*", ".envrc", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".npmrc", ".pypirc", ".htpasswd"),
            *(".git-credentials", ".boto", ".s3cfg", ".dockercfg", ".vault-token", ".cargo/credentials*"),
            *("credentials.json", "application_default_credentials.json", "client_secret*.json", "*.kdbx"),
        ),
    ),
    LocalOnlyRule(
        "private-keys",
        "Private keys stay on your machine.",
        (
            *(
                "id_rsa*",
                "id_dsa*",
                "id_ecdsa*",
                "id_ed25519*",
                "*.pem",
                "*.p12",
                "*.pfx",
                "*.ppk",
                "*.jks",
                "*.keystore",
            ),
            # Not every `*.key`: that is also what a Keynote presentation is called.
            *("private*.key", "server.key", "client.key", "tls.key", "ssl.key", "ca.key", "*_rsa.key"),
        ),
    ),
    LocalOnlyRule(
        "settings-directories",
        "Settings directories stay on your machine.",
        (
            ".config",
            ".local",
            ".vscode",
            ".idea",
            ".hq",
            "appdata/local",
            "appdata/roaming",
            "library/application support",
        ),
    ),
    LocalOnlyRule(
        "raw-datasets",
        "Raw datasets stay on your machine.",
        ("datasets/raw", "datasets/*/raw", "dataset/raw", "data/raw"),
    ),
    LocalOnlyRule(
        "worker-and-prompt-libraries",
        "Worker and prompt libraries stay on your machine.",
        (
            *(
                ".agents",
                ".aider*",
                ".claude",
                ".cline",
                ".codex",
                ".continue",
                ".cursor",
                ".cursorrules",
                ".gemini",
                ".roo",
            ),
            *(".windsurf", ".windsurfrules", ".prompts", ".workers", "prompts/library", "workers/library"),
        ),
    ),
)


def local_only_rule(path: str) -> LocalOnlyRule | None:
    """Find the rule that keeps this path local, if there is one. Any string will do; it need not be a clean path."""
    key = _key(path)
    return next((rule for rule, pattern in _COMPILED if pattern.search(key)), None)


def local_only_reason(path: str) -> str | None:
    """Say in a sentence why this path stays local, if it does."""
    rule = local_only_rule(path)
    return rule.sentence if rule else None


def _key(path: str) -> str:
    """Fold away what file systems fold away: case, width, and joiners (HFS+ opens `.g<U+200C>it` as `.git`)."""
    folded = unicodedata.normalize("NFKC", path).casefold()
    return "".join(character for character in folded if unicodedata.category(character) != "Cf")


def _compile(rule: LocalOnlyRule) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(pattern).replace(r"\*", "[^/]*") for pattern in rule.patterns)
    return re.compile(rf"(?:^|/)(?:{alternatives})(?:/|$)")


_COMPILED = tuple((rule, _compile(rule)) for rule in LOCAL_ONLY)
