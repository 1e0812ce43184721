"""The real parts that tests run on: a Valkey server, an S3 server, settings that point at them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Generator, Iterator

import hypothesis
import pytest
from _pytest.nodeid import coerce_node_id

from local import process
from local.services import S3, Valkey, s3, valkey
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.redis import connection
from pipeline.cli.importing import importing
from pipeline.services import Message, Services, open_services
from pipeline.settings import Settings

from .forks import forking

Environ = dict[str, str]

# Some machines turn this off: each of a thousand processes would compile all modules, and pytest rewrite all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Timings are noisy: an example may take as long as it likes.
hypothesis.settings.register_profile("no-deadline", deadline=None)
hypothesis.settings.load_profile("no-deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runs", type=int, default=1, help="Run each test so many times.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Add the number of the run to each test, if there is more than one."""
    if (runs := metafunc.config.getoption("--runs")) > 1:
        metafunc.fixturenames.append("run")
        metafunc.parametrize("run", range(runs))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of an `xdist_group` in one process.

    pytest-xdist 3.8 writes the group into `_nodeid`, which pytest 9.2 no longer reads: each process would start
    the servers of all groups.
    """
    for item in items:
        if grouped := getattr(item, "_nodeid", ""):
            item._id = coerce_node_id(grouped)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, and let it ignore what was collected: half a million objects live as
    long as the process, and it would look through all of them each time."""
    with importing():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def redis_may_take_its_time() -> Iterator[None]:
    """A Redis that is up answers in the end, however busy the machine is; tests of one that hangs set their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "MAX_WAIT", 60.0)
        yield


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """With its bucket, which all tests share; each has a prefix of its own."""
    with s3(tmp_path_factory.mktemp("s3"), key_id="test-key", secret="test-secret", bucket="tests") as server:
        settings = Settings.from_env(
            {
                "S3_ENDPOINT_URL": server.endpoint_url,
                "S3_BUCKET": server.bucket,
                "AWS_ACCESS_KEY_ID": server.key_id,
                "AWS_SECRET_ACCESS_KEY": server.secret,
            }
        )
        S3Bucket.open(settings).create_bucket()
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.Start]:
    """Starts web and worker processes as forks of one that has imported what they need, where that is possible.

    Not for tests of memory: forks share what was imported.
    """
    if sys.platform == "linux":
        with forking(tmp_path_factory.mktemp("forks")) as start:
            yield start
    else:
        yield process.start


@pytest.fixture
def environ(s3_server: S3, valkey_server: Valkey, request: pytest.FixtureRequest) -> Environ:
    """Variables for this test alone: a prefix of its own in the bucket, an emptied Redis."""
    import redis

    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return variables(s3_server, valkey_server, request.node.name)


def variables(store: S3, redis: Valkey, name: str) -> Environ:
    """Return what a process needs to use these servers, with a prefix of its own in the bucket."""
    return {
        "PATH": os.environ["PATH"],
        "REDIS_URL": redis.url,
        "S3_ENDPOINT_URL": store.endpoint_url,
        "S3_BUCKET": store.bucket,
        "S3_PREFIX": f"{re.sub(r'[^A-Za-z0-9_]+', '-', name)}-{os.urandom(3).hex()}/",
        "AWS_ACCESS_KEY_ID": store.key_id,
        "AWS_SECRET_ACCESS_KEY": store.secret,
        "SECRET_KEY": "test-secret-key",
        "WORKER_MEMORY_MB": "4096",  # the tests of a process share its memory
        "WORKER_CONCURRENCY": "2",
        "PANEL_PASSWORD": "open sesame",
        "API_TOKENS": "shop=shop-token archive=archive-token",
        "KEEPER_SECONDS": "0.3",
        "LEASE_SECONDS": "3",
    }


@pytest.fixture
def settings(environ: Environ) -> Settings:
    return Settings.from_env(environ)


class SentMessages:
    """Messages that were sent, in order; for tests in which no worker runs."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, ...]] = []
        self.broken: Exception | None = None

    def send(self, message: Message) -> None:
        if self.broken:
            raise self.broken
        self.sent.append((message.step, message.export_id, *map(str, message.chunks)))


@pytest.fixture
def messages() -> SentMessages:
    return SentMessages()


@pytest.fixture
def services(settings: Settings, messages: SentMessages) -> Services:
    return open_services(settings, messages)


@pytest.fixture
def put_photos(services: Services) -> Callable[[int], str]:
    """Stores small JPEGs and a listing of them below inputs/; returns the listing's key."""
    from .pictures import jpeg

    def put(count: int) -> str:
        bucket = services.bucket
        lines = []
        for i in range(count):
            key = f"inputs/album/{i:05d}.jpg"
            bucket.put(key, jpeg(i), content_type="image/jpeg")
            lines.append(f'{{"source":"{key}","caption":"Photo number {i + 1}"}}')
        bucket.put("inputs/album.jsonl", "\n".join(lines).encode())
        return "inputs/album.jsonl"

    return put
