"""The AWS session of a command: region, profile and role, and the clients made from it."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import botocore.session
from boto3 import Session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    RefreshableCredentials,
)
from botocore.exceptions import ClientError, NoCredentialsError

from smp.aws.service_errors import explained, is_denied, is_missing
from smp.errors import Problem, SetupError, SmpError

__all__ = ["Session", "client", "open_session", "session_name"]

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
NOT_IN_SESSION_NAMES = re.compile(r"[^\w+=,.@-]", re.ASCII)
MAX_SESSION_NAME = 64
"""AssumeRole.RoleSessionName (botocore 1.44.5)."""

CONNECT_SECONDS, READ_SECONDS = 10, 60
ATTEMPTS = 6
"""Attempts of one call, with growing pauses; AWS_MAX_ATTEMPTS and `max_attempts` override it."""


def open_session(
    region: str | None = None, profile: str | None = None, assume_role: Sequence[str] = ()
) -> Session:
    """Return a session; what is not given comes from where boto3 looks, the region from AWS_REGION first.

    Of several roles the first that lets itself be taken is taken. Raises SetupError where the profile
    does not exist, no region is set, a role's ARN is none or no role lets itself be taken.
    """
    wrong = [role for role in assume_role if not ROLE_ARN.fullmatch(role)]
    if wrong:
        allowed = "arn:aws:iam::111122223333:role/NAME"
        raise SetupError(
            [
                Problem("is not an ARN of a role", None, "--assume-role", role, allowed)
                for role in wrong
            ]
        )
    with explained("open a session"):
        session = Session(
            profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None
        )
    if session.region_name is None:
        hint = "give --region, or set AWS_REGION"
        raise SetupError([Problem("no AWS region is set", hint=hint)])
    return _assumed(session, assume_role) if assume_role else session


def client(session: Session, service: str, **options: Any) -> Any:
    """Return a client that retries what is worth a retry; AWS_ENDPOINT_URL counts."""
    core = session._session
    set_mode = core.get_config_variable("retry_mode")
    retries: dict[str, Any] = {
        "mode": set_mode if set_mode in ("standard", "adaptive") else "standard",
        "total_max_attempts": core.get_config_variable("max_attempts") or ATTEMPTS,
    }
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries=retries,  # type: ignore[arg-type]
        user_agent_extra="smp",
    )
    with explained(f"call {service}"):
        return session.client(service, config=config, **options)  # type: ignore[call-overload]


def session_name(environ: Mapping[str, str]) -> str:
    """Return what an assumed role's session is called in CloudTrail: `smp-` and who or which build."""
    who = environ.get("CODEBUILD_BUILD_ID") or _user()
    return NOT_IN_SESSION_NAMES.sub("-", f"smp-{who}")[:MAX_SESSION_NAME]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _assumed(session: Session, roles: Sequence[str]) -> Session:
    """Return a session with the credentials of the first role that lets itself be taken."""
    refused: list[Problem] = []
    for role in roles:
        fetcher = _fetcher(session, role)
        try:
            with explained(f"assume {role}"):
                first = fetcher.fetch_credentials()
        except SmpError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or not (is_denied(cause) or is_missing(cause)):
                raise
            refused += error.problems
            continue
        core = botocore.session.Session()
        core.get_component("credential_provider").insert_before("env", _OfRole(fetcher, first))
        return Session(botocore_session=core, region_name=session.region_name)
    raise SetupError(refused)


def _fetcher(session: Session, role: str) -> AssumeRoleCredentialFetcher:
    source = session._session
    with explained(f"assume {role}"):
        credentials = source.get_credentials()
        if credentials is None:
            raise NoCredentialsError
    return AssumeRoleCredentialFetcher(
        client_creator=source.create_client,
        source_credentials=credentials,
        role_arn=role,
        extra_args={"RoleSessionName": session_name(os.environ)},
    )


class _OfRole(CredentialProvider):
    """Keeps a role's credentials in memory and takes the role anew before they end: waits are long."""

    METHOD = "smp-assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher, first: dict[str, str]) -> None:
        super().__init__()
        self._fetcher = fetcher
        self._first = first

    def load(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(
            self._first, self._fetcher.fetch_credentials, self.METHOD
        )
