"""The stages of a request, in order. A stage returns or raises Stop. It never calls an earlier stage.

Spec: docs/kazoo/http.md, section 0.
"""

from app.crossbar.context import Context
from app.pipeline.account import load_account
from app.pipeline.authenticate import authenticate
from app.pipeline.authorize import authorize
from app.pipeline.execute import execute
from app.pipeline.identify import identify_early, locate_token
from app.pipeline.methods import allow_methods, answer_options, known_method, refuse_server_methods
from app.pipeline.negotiate import accept_content, negotiate
from app.pipeline.parse import parse
from app.pipeline.preconditions import check_preconditions
from app.pipeline.route import route, split_path
from app.pipeline.validate import validate

STAGES = (
    refuse_server_methods,
    split_path,
    parse,
    locate_token,
    known_method,
    identify_early,
    route,
    allow_methods,
    load_account,
    authenticate,
    authorize,
    answer_options,
    negotiate,
    validate,
    check_preconditions,
    accept_content,
    execute,
)


def run(context: Context) -> None:
    """Run all stages on a request. Raises Stop."""
    for stage in STAGES:
        stage(context)
