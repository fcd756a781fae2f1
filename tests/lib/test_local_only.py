import pytest

from hq.lib.errors import Refused
from hq.lib.local_only import LOCAL_ONLY, local_only_reason, local_only_rule
from hq.lib.paths import LocalOnlyPath, clean_path, clean_prefix, clean_stored_path

STAYS = {
    "version-control": [
        ".git/config",
        "repo/.git",
        ".GIT/HEAD",
        ".hg/x",
        ".svn/entries",
        ".bzr/x",
        ".jj/repo",
        "GIT~1/x",
        "a/.g\u200cit/x",
        "\uff0egit/x",
    ],
    "credential-directories": [
        ".aws/credentials",
        "home/me/.ssh/config",
        ".gnupg/pubring.kbx",
        ".kube/config",
        ".AWS/config",
        ".docker/config.json",
        ".config/gcloud/x.db",
        ".azure/accessTokens.json",
        "backup/Library/Keychains/x",
    ],
    "credential-files": [
        ".env",
        "app/.env.production",
        ".netrc",
        ".pgpass",
        ".npmrc",
        ".pypirc",
        "gcp/credentials.json",
        "client_secret_1234.json",
        ".git-credentials",
        "Passwords.KDBX",
        ".cargo/credentials.toml",
    ],
    "private-keys": [
        "id_rsa",
        "keys/id_rsa.pub",
        "id_ed25519",
        "tls/fullchain.pem",
        "server.key",
        "cert.p12",
        "ID_RSA_old",
    ],
    "settings-directories": [
        ".config/app/settings.toml",
        ".vscode/settings.json",
        ".idea/workspace.xml",
        ".hq/client.toml",
        "me/AppData/Roaming/x",
        ".local/state/x",
    ],
    "raw-datasets": [
        "datasets/raw/people.csv",
        "project/datasets/raw/a/b",
        "Datasets/RAW/x",
        "data/raw/x",
        "datasets/sales/raw/x",
    ],
    "worker-and-prompt-libraries": [
        ".claude/settings.json",
        ".cursor/rules",
        ".codex/x",
        ".agents/a.md",
        "prompts/library/a.md",
        ".aider.conf.yml",
        "repo/.cursorrules",
    ],
}

TRAVELS = [
    *(
        ".gitignore",
        ".gitattributes",
        "git/config",
        "a.git-notes",
        "environment",
        "x.env",
        ".environment/a",
        "aws/credentials",
    ),
    *(
        "keynote/Q3 review.key",
        "keys.md",
        "raw/people.csv",
        "datasets/rawhide.csv",
        "datasets/clean/raw.csv",
        "data/rawest/x",
        "datasets/sales/2026/raw/x",
    ),
    *(
        "prompts/welcome.md",
        "docker/config.json",
        "config/gcloud",
        "CVs/jo.pdf",
        "ssh.txt",
        "a.pem.txt",
        "cursor/x",
        "my.config",
    ),
    *("credentials", "library/novel.epub", "agents/list.csv"),
]


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in STAYS.items() for path in paths])
def test_it_keeps_the_local_only_class_local(name, path):
    rule = local_only_rule(path)
    assert rule is not None
    assert rule.name == name
    assert local_only_reason(path) == rule.sentence
    with pytest.raises(LocalOnlyPath) as refused:
        clean_path(path)
    assert str(refused.value) == f"{path} was not uploaded. {rule.sentence}"


@pytest.mark.parametrize("path", TRAVELS)
def test_it_lets_everything_else_travel(path):
    assert local_only_reason(path) is None
    assert clean_path(path) == path


def test_it_reads_like_a_sentence_to_a_person():
    with pytest.raises(
        Refused, match=r"^\.aws/credentials was not uploaded\. Credential directories stay on your machine\.$"
    ):
        clean_path(".aws/credentials")


@pytest.mark.parametrize("path", ["%2egit/config", "%252eaws/x", "a/.s%73h/x"])
def test_it_sees_through_escapes(path):
    with pytest.raises(LocalOnlyPath):
        clean_path(path)


def test_it_still_reaches_what_was_stored_before_the_rule():
    assert clean_stored_path(".git/config") == ".git/config"
    assert clean_prefix(".git/") == ".git/"


@pytest.mark.parametrize("path", ["/home/me/.ssh/id", "./.git/x", "..", "", "\ud800/.aws/x", "C:/.aws/x"])
def test_it_takes_any_string(path):
    assert (local_only_reason(path) is None) == (path in {"..", ""})


def test_it_has_a_table_that_matches_as_it_is_written():
    assert {rule.name for rule in LOCAL_ONLY} == set(STAYS)
    for rule in LOCAL_ONLY:
        assert rule.sentence.endswith(" on your machine.")
        for pattern in rule.patterns:
            assert pattern == pattern.casefold().strip("/")
            example = pattern.replace("*", "x")
            assert local_only_rule(example) is not None, pattern
            assert local_only_rule(f"a/{example.upper()}/b") is not None, pattern
            assert local_only_rule(f"a{example}b/c") is None or pattern.endswith("*") or pattern.startswith("*"), (
                pattern
            )
