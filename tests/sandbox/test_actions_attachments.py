"""Uploading, fetching, zipping and linking attachments over the wire, hostile names and broken bodies included."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from syncd.sandbox.actions.attachments import MAX_UPLOAD
from syncd.sandbox.app import MAX_BODY
from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api

CREATE = "/transaction-attachments/create"
PDF = b"%PDF-1.7\r\n\x00\xff--binary\r\n--\r\n"


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    return Books(run(**EXTRA))


def upload(books: Books, name: str = "receipt.pdf", content: bytes = PDF, **fields: str) -> httpx.Response:
    return books.api.http.post(CREATE, files={"file": (name, content, "application/pdf")}, data=fields)


def archive(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as held:
        return {name: held.read(name) for name in held.namelist()}


def test_an_upload_is_an_attachment_with_its_bytes(books: Books):
    booking = books.booking(books.account(), -12.5)
    answer = upload(books, transaction=booking, amount="12.50", relatedMonth="2026-01", unknown="x", supplier="")
    made = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, made["@id"])
    assert (made["name"], made["mimeType"], made["size"]) == ("receipt.pdf", "application/pdf", len(PDF))
    assert (made["transaction"], made["amount"]) == (booking, 12.5)
    fetched = books.api.get(path(made["contentUrl"]))
    assert (fetched.content, fetched.headers["Content-Type"]) == (PDF, "application/pdf")
    assert fetched.headers["Content-Disposition"] == 'attachment; filename="receipt.pdf"'
    assert books.api.get(path(booking)).json()["transactionAttachments"] == [made["@id"]]
    assert [each["@id"] for each in books.api.members("/transaction-attachments/search?name=RECEIPT")] == [made["@id"]]


def test_the_bytes_go_with_the_attachment(books: Books):
    made = upload(books).json()
    assert books.api.http.delete(path(made["@id"])).status_code == 204
    assert books.api.get(path(made["contentUrl"])).status_code == 404
    assert books.state.blobs == {}


def test_an_attachment_made_without_a_file_has_none_to_fetch(books: Books):
    made = books.api.post("/transaction-attachments", {"name": "later.pdf"}).json()
    assert "contentUrl" not in made
    assert books.api.get(f"{path(made['@id'])}/file").status_code == 404


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        ("a\u202eb.pdf", "ab.pdf"),
        ("...", "file"),
        ("Faktura łøß €.pdf", "Faktura łøß €.pdf"),
        ("a" * 300 + ".pdf", "a" * 196 + ".pdf"),
    ],
)
def test_a_name_is_one_path_segment(books: Books, name: str, kept: str):
    made = upload(books, name).json()
    assert made["name"] == kept
    assert books.api.get(path(made["contentUrl"])).content == PDF
    assert list(archive(books.api.http.post("/transactions/attachments/zip"))) == [kept]


def test_a_type_that_is_none_is_told_as_bytes(books: Books):
    made = books.api.http.post(CREATE, files={"file": ("a", PDF, "no type; x=\u00e9")}).json()
    assert made["mimeType"] == "application/octet-stream"
    books.state.update("TransactionAttachment", made["id"], {"mimeType": "text/x\r\nX-Evil: 1"})
    fetched = books.api.get(path(made["contentUrl"]))
    assert (fetched.headers["Content-Type"], "X-Evil" in fetched.headers) == ("application/octet-stream", False)


@pytest.mark.parametrize(
    ("fields", "content", "status", "field"),
    [
        ({}, b"", 422, "file"),
        ({"amount": "much"}, PDF, 422, "amount"),
        ({"transaction": "/api/transactions/none"}, PDF, 400, None),
        ({"relatedMonth": "January 2026"}, PDF, 422, "relatedMonth"),
        ({"receivedDate": "yesterdayish"}, PDF, 400, None),
    ],
)
def test_a_bad_upload_keeps_nothing(books: Books, fields: Any, content: bytes, status: int, field: str | None):
    answer = upload(books, content=content, **fields)
    assert answer.status_code == status
    assert field is None or answer.json()["violations"][0]["propertyPath"] == field
    assert (books.state.count("TransactionAttachment"), books.state.blobs) == (0, {})


def test_a_form_without_a_file_is_422_and_another_media_type_415(books: Books):
    answer = books.api.http.post(CREATE, files={"other": ("a", b"x")})
    assert answer.json()["violations"][0]["propertyPath"] == "file"
    wrong = books.api.post(CREATE, {"name": "a"})
    assert (wrong.status_code, "multipart/form-data" in wrong.json()["detail"]) == (415, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--B\r\n",
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut',
        b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\nx\r\n--B--\r\n',
        b'--B\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--B--\r\n',
        b"".join(b'--B\r\nContent-Disposition: form-data; name="%d"\r\n\r\nx\r\n' % number for number in range(200))
        + b"--B--\r\n",
    ],
)
def test_a_broken_form_is_400(books: Books, body: bytes):
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    assert books.api.http.post(CREATE, content=body, headers=headers).status_code == 400


def test_a_form_without_a_boundary_is_400(books: Books):
    headers = {"Content-Type": "multipart/form-data"}
    assert books.api.http.post(CREATE, content=b"x", headers=headers).status_code == 400


def test_a_file_over_the_limit_is_422_and_a_body_over_the_gateways_is_413(books: Books):
    assert upload(books, content=bytes(MAX_UPLOAD)).status_code == 201
    large = upload(books, content=bytes(MAX_UPLOAD + 1))
    assert (large.status_code, large.json()["violations"][0]["propertyPath"]) == (422, "file")
    # The server may hang up while the rest is still being sent.
    try:
        assert upload(books, content=bytes(MAX_BODY)).status_code == 413
    except httpx.TransportError:
        books.api.http.close()
    assert books.state.count("TransactionAttachment") == 1


def test_a_zip_holds_what_was_chosen_under_names_of_their_own(books: Books):
    account = books.account()
    first, second = books.booking(account, -1), books.booking(account, -2)
    one = upload(books, "r.pdf", b"one", transaction=first).json()
    upload(books, "R.pdf", b"two", transaction=second)
    upload(books, "r.pdf", b"three")
    zipped = "/transactions/attachments/zip"
    everything = archive(books.api.http.post(zipped))
    assert everything == {"r.pdf": b"one", "R (2).pdf": b"two", "r (3).pdf": b"three"}
    assert archive(books.api.post(zipped, {"transactions": [second]})) == {"R.pdf": b"two"}
    both = {"transactions": [first], "transactionAttachments": [one["@id"]]}
    assert archive(books.api.post(zipped, both)) == {"r.pdf": b"one"}
    assert archive(books.api.post(zipped, {"transactions": []})) == {}
    assert books.api.post(zipped, {"transactions": [one["@id"]]}).status_code == 400
    assert books.api.http.post(zipped).content == books.api.http.post(zipped).content


def test_a_large_zip_comes_in_pieces(books: Books):
    content = bytes(range(256)) * 4096
    upload(books, "large.bin", content)
    with books.api.http.stream("POST", "/transactions/attachments/zip") as answer:
        assert "Content-Length" not in answer.headers
        pieces = b"".join(answer.iter_raw())
    assert zipfile.ZipFile(io.BytesIO(pieces)).read("large.bin") == content


def test_an_equal_amount_is_suggested_and_applied(books: Books):
    account, supplier = books.account(), books.add("Supplier", name="Hav Kaffe")
    booking, other = books.booking(account, -99.5), books.booking(account, -98)
    made = path(upload(books, "hav-kaffe-january.pdf", amount="99.50").json()["@id"])
    found = books.api.members(f"{made}/suggestions")
    assert [(each["type"], each["target"]) for each in found] == [("transaction", booking), ("supplier", supplier)]
    debug = books.api.get(f"{made}/suggestions-debug").json()
    assert debug["suggested"] == [each["id"] for each in found]
    assert books.api.http.post(f"{made}/suggestions/{found[0]['id']}/apply").json()["transaction"] == booking
    assert books.api.http.post(f"{made}/suggestions/{found[0]['id']}/apply").status_code == 404
    assert books.api.http.post(f"{made}/apply-supplier-suggestion").json()["supplier"] == supplier
    assert books.api.http.post(f"{made}/apply-supplier-suggestion").status_code == 422
    detached = books.api.http.post(f"{made}/detach")
    assert (detached.status_code, "transaction" in detached.json()) == (200, False)
    assert books.api.post(f"{made}/apply-suggestion", {"suggestion": "transaction-none"}).status_code == 422
    assert books.api.post(f"{made}/apply-suggestion", {"suggestion": 5}).status_code == 400
    assert books.api.http.post(f"{made}/apply-suggestion").json()["transaction"] == booking
    assert "transactionAttachments" in books.api.get(path(other)).json()


@pytest.mark.parametrize("form", ["cut", "malformed"])
def test_a_corrupt_zip_is_whole_http_and_no_zip(books: Books, form: str):
    upload(books, content=PDF * 50)
    sound = books.api.http.post("/transactions/attachments/zip").content
    books.api.server.faults.add("corrupt", what="zip", form=form, times=1)
    broken = books.api.http.post("/transactions/attachments/zip")
    assert broken.status_code == 200
    assert len(broken.content) == (len(sound) // 2 if form == "cut" else len(sound))
    with pytest.raises((zipfile.BadZipFile, zlib.error)):
        archive(broken)
    assert books.api.http.post("/transactions/attachments/zip").content == sound
