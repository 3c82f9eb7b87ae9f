"""What logs may have of a request's path and query."""

import pytest

from app.logs import LONGEST_TARGET, loggable


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/v2/accounts/a/connectivity?page_size=3", "/v2/accounts/a/connectivity?page_size=3"),
        ("/v2/token_auth", "/v2/token_auth"),
        ("/v2/user_auth", "/v2/user_auth"),
        ("/v2/user_auth/S3CRET", "/v2/user_auth/…"),
        ("/v2/" + "x" * 65, "/v2/…"),
        ("/v2/" + "x" * 64, "/v2/" + "x" * 64),
        ("/v2/x;auth_token=S3CRET", "/v2/…"),
        ("/v2/x%3Fauth_token=S3CRET", "/v2/…"),
        ("/v2/auth_token:S3CRET", "/v2/…"),
        ("/v2/x?auth_token=S3CRET&a=b", "/v2/x?auth_token=(secret)&a=b"),
        ("/v2/x?a=b&filter_auth_password=S3CRET", "/v2/x?a=b&filter_auth_password=(secret)"),
        ("/v2/x?%61uth%5Ftoken=S3CRET", "/v2/x?%61uth%5Ftoken=(secret)"),
        ("/v2/x?%2561uth_token=S3CRET", "/v2/x?(secret)"),
        ("/v2/x?auth_token[]=S3CRET", "/v2/x?auth_token[]=(secret)"),
        ("/v2/x?authToken=S3CRET", "/v2/x?authToken=(secret)"),
        ("/v2/x?apikey=S3CRET", "/v2/x?apikey=(secret)"),
        ("/v2/x?auth_token%3DS3CRET", "/v2/x?(secret)"),
        ("/v2/x?auth_token:S3CRET", "/v2/x?(secret)"),
        ("/v2/x?has_value=auth_token:S3CRET", "/v2/x?has_value=(secret)"),
        ("/v2/x?a=b?auth_token=S3CRET", "/v2/x?a=(secret)"),
        ("/v2/x?x=1;auth_token=S3CRET", "/v2/x?x=(secret)"),
        ("/v2/x?start_key=" + "k" * 65, "/v2/x?start_key=…"),
        ("/v2/x?a&b=", "/v2/x?a&b="),
    ],
)
def test_a_target_in_a_log(target, shown):
    assert loggable(target) == shown and "S3CRET" not in loggable(target)


def test_a_long_target_is_cut():
    assert len(loggable("/v2" + "/x" * 30_000)) == LONGEST_TARGET
