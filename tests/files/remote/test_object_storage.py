"""Requests to a storage that fails, without a network."""

from typing import Any

import pytest

from lpt.errors import DataError
from lpt.files.remote import object_storage
from lpt.files.remote.object_storage import fetch, kind_of, names_in, state_of

URL = "memory://bucket/object"


class _Storage:
    """Answers with errors first, then with facts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.asked = list(errors), 0

    def invalidate_cache(self) -> None:
        pass

    def info(self, url: str) -> dict[str, Any]:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return {"type": "file", "size": 3, "ETag": "one"}

    def cat_file(self, url: str, start: int, end: int) -> bytes:
        return b"abc"[start:end]

    def ls(self, url: str, detail: bool) -> list[str]:
        return ["bucket/object/", "bucket/object/b", "bucket/object/a/"]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(object_storage.time, "sleep", lambda _: None)

    def use(*errors: Exception) -> _Storage:
        storage = _Storage(*errors)
        monkeypatch.setattr(object_storage, "_storage", lambda _: storage)
        return storage

    return use


def test_a_short_drop_is_tried_again(answering: Any) -> None:
    storage = answering(ConnectionResetError(), TimeoutError())
    assert state_of(URL)[0] == 3
    assert storage.asked == 3


def test_a_storage_that_stays_away_is_named_without_its_message(answering: Any) -> None:
    storage = answering(*[ConnectionError("http://user:secret@host/?X-Amz-Signature=1")] * 9)
    with pytest.raises(DataError) as caught:
        state_of(URL)
    assert storage.asked == 3
    assert f"{URL}: the storage cannot be reached or read (ConnectionError)." in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "Signature" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError("key AKIA"), "access is refused. Check the name and your credentials."),
        (type("NoCredentialsError", (Exception,), {})(), "no credentials were found."),
        (FileNotFoundError(), "no such object."),
    ],
)
def test_an_answer_that_is_final_is_not_asked_for_again(
    error: Exception, said: str, answering: Any
) -> None:
    storage = answering(error)
    with pytest.raises(DataError) as caught:
        state_of(URL)
    assert said in str(caught.value)
    assert "AKIA" not in str(caught.value)
    assert storage.asked == 1


@pytest.mark.parametrize("kind", ["NoCredentialsError", "PartialCredentialsError"])
def test_settings_of_s3_are_named_where_credentials_are_missing(kind: str, answering: Any) -> None:
    answering(type(kind, (Exception,), {})("AKIA"))
    with pytest.raises(DataError) as caught:
        state_of("s3://bucket/object")
    assert str(caught.value) == (
        "s3://bucket/object: no credentials were found. Set AWS_PROFILE, or FSSPEC_S3_ANON=true "
        "for a public bucket."
    )


def test_names_and_kinds(answering: Any) -> None:
    answering()
    assert names_in(URL) == ["a", "b"]  # a folder may be listed as an object in itself
    assert kind_of(URL) == "file"
    assert fetch(URL, 1, 3, state_of(URL)) == b"bc"


def test_bytes_of_another_version_are_not_returned(answering: Any) -> None:
    answering()
    with pytest.raises(DataError, match="changed while it was in use"):
        fetch(URL, 1, 3, (3, 1))
