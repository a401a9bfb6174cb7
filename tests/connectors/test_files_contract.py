"""The connector contract for the files connector: a folder, fsspec's memory, and an S3 server on this machine.

The last is skipped without s3fs and moto[server]: pip does not resolve the two beside the other requirements in any
useful time, so they are installed by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest

from syncd.ports import Connector, Record
from tests.connectors.contract import Peer, WriteContract
from tests.connectors.files_kit import QUERY, Anything, archive, fields, memory_url

SECRET = "wrong-horse-battery"


def peer_on(
    open_archive: Callable[[], Any], cut: Callable[[], None], unreachable: Callable[[], Connector], **more: Any
) -> Peer:
    other = open_archive()

    def seed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [other.create(QUERY, row).key for row in rows]

    def edit(key: str, changes: Mapping[str, Any]) -> None:
        other.update(QUERY, key, changes, Record(key, {}))

    return Peer(
        connector=open_archive(),
        query=QUERY,
        text="name",
        other="note",
        sample=lambda n: fields(n, note=f"Note {n}"),
        seed=seed,
        edit=edit,
        cut=cut,
        unreachable=unreachable,
        **more,
    )


class TestFolder(WriteContract):
    @pytest.fixture
    def peer(self, tmp_path: Path) -> Peer:
        root = tmp_path / "archive"
        root.mkdir()
        return peer_on(
            lambda: archive(root, Anything()),
            lambda: root.rename(tmp_path / "unmounted") and None,
            lambda: archive(tmp_path / "nowhere", Anything()),
        )


class TestMemory(WriteContract):
    @pytest.fixture
    def peer(self) -> Peer:
        url = memory_url()
        return peer_on(
            lambda: archive(url, Anything()),
            lambda: fsspec.filesystem("memory").rm(url, recursive=True),
            lambda: archive("memory://nowhere", Anything()),
        )


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A server that speaks S3, and its owner's door."""
    moto, boto3 = pytest.importorskip("moto.server"), pytest.importorskip("boto3")
    pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = {"aws_access_key_id": "k", "aws_secret_access_key": SECRET, "region_name": "eu-west-1"}
    yield boto3.resource("s3", endpoint_url=f"http://{host}:{port}", **access)
    server.stop()


@pytest.mark.slow
class TestS3(WriteContract):
    @pytest.fixture
    def peer(self, s3: Any) -> Peer:
        bucket = s3.create_bucket(
            Bucket=f"bucket-{uuid4().hex}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )

        def cut() -> None:
            bucket.objects.delete()
            bucket.delete()

        def on(endpoint: str) -> Connector:
            options = {
                "client_kwargs": {"endpoint_url": endpoint, "region_name": "eu-west-1"},
                "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
            }
            secrets = {"key": "k", "secret": SECRET}
            return archive(f"s3://{bucket.name}/flowtly", Anything(), options=options, secrets=secrets)

        here = s3.meta.client.meta.endpoint_url
        return peer_on(lambda: on(here), cut, lambda: on("http://127.0.0.1:9"), secrets=(SECRET,))
