"""The key store in files (KEY-10): the contract, and what only files can suffer."""

import base64
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from hq.lib.clock import now
from keys.providers import KeyState, NoSuchKey
from keys.providers.embedded import EmbeddedProvider
from keys.providers.keystore import KeystoreDamaged, WrongRootKey
from keys.providers.root_key import RootKey, RootKeyExposed, RootKeyMalformed, RootKeyMissing
from tests.keys.contract import (
    CONTEXT,
    TAGS,
    AuthenticityContract,
    ClockContract,
    ProviderContract,
    RotationContract,
)

ROOT = Path(__file__).resolve().parents[2]


def write_root_key(path: Path, key: bytes | None = None, mode: int = 0o600) -> Path:
    path.write_bytes(base64.b64encode(key or os.urandom(32)) + b"\n")
    path.chmod(mode)
    return path


class Clock:
    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return now() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def root_key(tmp_path):
    return write_root_key(tmp_path / "root.key")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "keystore"


@pytest.fixture
def keeper(home, root_key, clock):
    return EmbeddedProvider(home, root_key, clock=clock)


@pytest.fixture
def pass_days(clock, keeper):
    """Days in which somebody looked at the clock, as HQ does every ten minutes."""

    def move(days):
        clock.ahead += timedelta(days=days)
        keeper._store.see(clock(), keeper._root())

    return move


class TestContract(ProviderContract, AuthenticityContract, RotationContract, ClockContract):
    pass


def files(home):
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def the_file(home, ref):
    return home / "keys" / f"{ref}.json"


class TestRootKey:
    def test_missing_it_says_so(self, keeper, root_key):
        ref = keeper.create_key(TAGS)
        root_key.unlink()
        with pytest.raises(RootKeyMissing):
            keeper.describe_key(ref)
        with pytest.raises(RootKeyMissing):
            keeper.create_key(TAGS)

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
    def test_open_to_others_it_is_not_used(self, keeper, root_key, mode):
        root_key.chmod(mode)
        with pytest.raises(RootKeyExposed):
            keeper.create_key(TAGS)

    def test_of_another_owner_it_is_not_used(self, keeper, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
        if os.getuid() == 0:  # root's own file is right for everybody
            keeper.create_key(TAGS)
            os.chown(keeper._root_key_file, 12345, 12345)
        with pytest.raises(RootKeyExposed):
            keeper.create_key(TAGS)

    @pytest.mark.parametrize(
        "content", [b"", b"short", base64.b64encode(b"x" * 31), base64.b64encode(b"x" * 33), b"\xff" * 44, b"!" * 44]
    )
    def test_with_wrong_content_it_says_so(self, keeper, root_key, content):
        root_key.write_bytes(content)
        with pytest.raises(RootKeyMalformed):
            keeper.create_key(TAGS)

    def test_a_folder_or_a_pipe_is_none(self, home, tmp_path):
        folder, pipe = tmp_path / "folder", tmp_path / "pipe"
        folder.mkdir(mode=0o700)
        os.mkfifo(pipe, 0o600)
        for path in (folder, pipe):
            with pytest.raises(RootKeyMalformed):
                EmbeddedProvider(home, path).create_key(TAGS)

    def test_of_another_instance_it_opens_nothing_and_changes_nothing(self, keeper, home, tmp_path):
        ref = keeper.create_key(TAGS)
        made, before = keeper.generate_data_key(ref, CONTEXT), files(home)
        other = EmbeddedProvider(home, write_root_key(tmp_path / "other.key"))
        for use in (other.describe_key, other.rotate_key, other.disable_key, other.schedule_deletion):
            with pytest.raises(WrongRootKey):
                use(ref)
        with pytest.raises(WrongRootKey):
            other.decrypt(ref, made.wrapped, CONTEXT)
        assert files(home) == before


class TestFiles:
    def test_only_the_owner_reads_them(self, keeper, home):
        keeper.rotate_key(keeper.create_key(TAGS))
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [home, *home.rglob("*")]}
        assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
        assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}

    def test_they_hold_no_key_in_the_open(self, keeper, home, root_key, monkeypatch):
        drawn, real = [], os.urandom

        def draw(size):
            drawn.append(real(size))
            return drawn[-1]

        monkeypatch.setattr(os, "urandom", draw)
        ref = keeper.create_key(TAGS)
        plain = keeper.generate_data_key(ref, CONTEXT).plain
        held = b"".join(files(home).values())
        secrets = [plain, base64.b64decode(root_key.read_bytes()), *(value for value in drawn if len(value) == 32)]
        assert len(secrets) == 4
        for secret in secrets:
            assert secret not in held
            assert base64.b64encode(secret) not in held
            assert secret.hex().encode() not in held

    def test_any_change_to_one_is_found(self, keeper, home):
        ref = keeper.create_key(TAGS)
        keeper.disable_key(ref)
        path = the_file(home, ref)
        good = path.read_bytes()
        for at in range(len(good)):
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            with pytest.raises((KeystoreDamaged, WrongRootKey)):
                keeper.describe_key(ref)
            path.write_bytes(good[:at])
            with pytest.raises(KeystoreDamaged):
                keeper.describe_key(ref)
        document = json.loads(good)
        path.write_text(json.dumps(document | {"state": "ENABLED"}))
        with pytest.raises(KeystoreDamaged):
            keeper.enable_key(ref)

    def test_one_under_the_name_of_another_is_found(self, keeper, home):
        ref, other = keeper.create_key(TAGS), keeper.create_key({"hq:organization": "b"})
        the_file(home, ref).write_bytes(the_file(home, other).read_bytes())
        with pytest.raises(KeystoreDamaged):
            keeper.generate_data_key(ref, CONTEXT)

    def test_a_version_taken_from_another_key_is_found(self, keeper, home, root_key):
        ref, other = keeper.create_key(TAGS), keeper.create_key(TAGS)
        root, store = RootKey.read(root_key), keeper._store
        mixed = store.read(ref, root) | {"versions": store.read(other, root)["versions"]}
        store.write(mixed, root)
        with pytest.raises(KeystoreDamaged):
            keeper.generate_data_key(ref, CONTEXT)

    def test_destroying_leaves_nothing_of_the_key_behind(self, keeper, home, pass_days):
        ref = keeper.create_key(TAGS)
        keeper.rotate_key(ref)
        wrapped = [version["wrapped"].encode() for version in json.loads(the_file(home, ref).read_bytes())["versions"]]
        keeper.schedule_deletion(ref, days=7)
        former = the_file(home, ref).open("rb")
        pass_days(8)
        assert keeper.purge_due() == [ref]
        with former:
            overwritten = former.read()
        for secret in wrapped:
            assert secret not in b"".join(files(home).values())
            assert secret not in overwritten
        assert keeper.describe_key(ref).tags == TAGS

    def test_a_clock_that_leaps_forward_destroys_nothing(self, keeper, clock, pass_days, caplog):
        ref = keeper.create_key(TAGS)
        keeper.schedule_deletion(ref, days=7)
        keeper.purge_due()
        clock.ahead += timedelta(days=30)
        assert keeper.purge_due() == []
        assert keeper.describe_key(ref).state is KeyState.PENDING_DELETION
        assert "clock has leapt" in caplog.text
        pass_days(0.9)
        assert keeper.purge_due() == []
        pass_days(0.2)
        assert keeper.purge_due() == [ref]

    def test_a_clock_that_went_back_destroys_nothing(self, keeper, clock, pass_days):
        ref = keeper.create_key(TAGS)
        keeper.schedule_deletion(ref, days=7)
        pass_days(8)
        clock.ahead -= timedelta(hours=1)
        assert keeper.purge_due() == []
        pass_days(1.1)
        assert keeper.purge_due() == [ref]

    def test_when_it_was_last_looked_at_cannot_be_forged(self, keeper, home, clock, pass_days):
        keeper.create_key(TAGS)
        keeper.purge_due()
        file = home / "clock.json"
        file.write_bytes(file.read_bytes().replace(b'"seen_at":"20', b'"seen_at":"21'))
        with pytest.raises(KeystoreDamaged):
            keeper.purge_due()

    def test_a_store_that_cannot_be_written_is_named(self, root_key, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(Exception, match="cannot be written") as caught:
            EmbeddedProvider(tmp_path / "file" / "keystore", root_key).create_key(TAGS)
        assert type(caught.value).__name__ == "ProviderUnavailable"


KILLED = """
import os, signal, sys
from pathlib import Path
from keys.providers.embedded import EmbeddedProvider
home, root_key, ref, verb, point, nth = sys.argv[1:]
count, real = 0, getattr(os, point)
def deadly(*arguments, **named):
    global count
    count += 1
    if count == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)
setattr(os, point, deadly)
getattr(EmbeddedProvider(Path(home), Path(root_key)), verb)(ref)
"""


class TestCrashes:
    @pytest.fixture(params=["rotate_key", "disable_key", "schedule_deletion"])
    def verb(self, request):
        return request.param

    @pytest.mark.parametrize("point", ["fsync 1", "replace 1", "fsync 2", "close 2"])
    def test_killed_anywhere_in_a_change_the_old_or_the_new_key_is_there(self, keeper, home, verb, point):
        ref = keeper.create_key(TAGS)
        made = keeper.generate_data_key(ref, CONTEXT)
        arguments = [sys.executable, "-c", KILLED, home, keeper._root_key_file, ref, verb, *point.split()]
        child = subprocess.run(arguments, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
        assert child.returncode == -signal.SIGKILL, child.stderr
        keeper.describe_key(ref)
        if keeper.describe_key(ref).state is KeyState.PENDING_DELETION:
            keeper.cancel_deletion(ref)
        keeper.enable_key(ref)
        assert keeper.decrypt(ref, made.wrapped, CONTEXT) == made.plain
        keeper.rotate_key(ref)
        assert newest(keeper, ref) in {2, 3}
        assert [path.name for path in (home / "keys").iterdir()] == [f"{ref}.json"]

    def test_killed_between_destroying_and_blotting_out_it_is_destroyed(self, keeper, home, root_key, pass_days):
        ref = keeper.create_key(TAGS)
        keeper.schedule_deletion(ref, days=7)
        pass_days(8)
        with pytest.MonkeyPatch.context() as patch:
            patch.delattr(os, "urandom")  # what it would be blotted out with
            with pytest.raises(AttributeError):
                keeper.purge_due()
        assert keeper.describe_key(ref).state is KeyState.DESTROYED


def newest(keeper, ref) -> int:
    """The version that wraps now, as the first bytes of a wrapping tell."""
    return int.from_bytes(keeper.generate_data_key(ref, CONTEXT).wrapped[1:5])


def rotate_many(home, root_key, ref, times):
    for _ in range(times):
        EmbeddedProvider(home, root_key).rotate_key(ref)


class TestManyProcesses:
    def test_no_change_is_lost(self, keeper, home, root_key):
        ref = keeper.create_key(TAGS)
        made = keeper.generate_data_key(ref, CONTEXT)
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=rotate_many, args=(home, root_key, ref, 15)) for _ in range(2)]
        for worker in workers:
            worker.start()
        with ThreadPoolExecutor(2) as threads:  # readers see whole files all the while
            reads = [threads.submit(keeper.decrypt, ref, made.wrapped, CONTEXT) for _ in range(200)]
            assert {read.result() for read in reads} == {made.plain}
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        assert newest(keeper, ref) == 31

    def test_no_change_is_lost_between_threads(self, keeper):
        ref = keeper.create_key(TAGS)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: keeper.rotate_key(ref), range(40)))
        assert newest(keeper, ref) == 41

    def test_what_one_disables_another_refuses_at_once(self, keeper, home, root_key):
        ref, other = keeper.create_key(TAGS), EmbeddedProvider(home, root_key)
        made = other.generate_data_key(ref, CONTEXT)
        keeper.disable_key(ref)
        with pytest.raises(Exception, match="disabled"):
            other.decrypt(ref, made.wrapped, CONTEXT)


def test_a_reference_never_leads_out_of_the_store(keeper, home, tmp_path):
    keeper.create_key(TAGS)
    for ref in ("../../etc/passwd", "..%2f", "%", "/etc/passwd", "01a20166-a9ee-743f-9b8b-eee06b74ecd2/../x"):
        with pytest.raises(NoSuchKey):
            keeper.describe_key(ref)
