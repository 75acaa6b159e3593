"""Settings that are unsafe are refused before a socket is opened."""

import pytest

from lpt.errors import LptError
from lpt.serving.http.http_settings import HttpSettings, is_loopback

TOKEN = "x" * 16


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_hosts_need_no_permission(host):
    assert HttpSettings(host=host).hosts >= {"localhost", host}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_public_hosts_need_permission(host):
    assert not is_loopback(host)
    with pytest.raises(LptError, match="allow_public") as refused:
        HttpSettings(host=host)
    assert "\n" not in str(refused.value)
    assert HttpSettings(host=host, allow_public=True).hosts is None


def test_host_names_that_were_given_are_the_only_ones():
    settings = HttpSettings(host="0.0.0.0", allow_public=True, allowed_hosts=("Birds.example",))
    assert settings.hosts == {"birds.example"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 65536},
        {"port": -1},
        {"max_bytes": 0},
        {"max_images": 0},
        {"body_seconds": 0},
        {"grace_seconds": float("nan")},
        {"admin_port": 9000},
        {"admin_port": 9000, "admin_token": "short"},
        {"admin_port": 8000, "admin_token": TOKEN},
    ],
)
def test_a_value_out_of_range_is_refused(wrong):
    with pytest.raises(LptError):
        HttpSettings(**wrong)
