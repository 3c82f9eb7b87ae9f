"""What was logged in the process of the tests."""

import pytest


def logged_by(caplog: pytest.LogCaptureFixture, module: str) -> list[str]:
    """The messages of one module. Others may log at any time, for work that earlier tests have left for later."""
    return [record.getMessage() for record in caplog.records if record.name == module]
