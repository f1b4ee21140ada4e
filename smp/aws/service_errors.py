"""What a person reads when AWS cannot be reached or refuses: one error with the next step each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from smp.errors import Problem, RunError, SetupError, SmpError

NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.NoAuthTokenError,
)
LOGIN_OVER = (
    boto.UnauthorizedSSOTokenError,
    boto.SSOTokenLoadError,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.LoginError,
)
NETWORK = (
    boto.EndpointConnectionError,
    boto.ConnectTimeoutError,
    boto.ReadTimeoutError,
    boto.ConnectionClosedError,
    boto.ProxyConnectionError,
    boto.SSLError,
    boto.HTTPClientError,
)

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
NOT_VALID = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
DENIED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "KMS.AccessDeniedException",
    "UnauthorizedOperation",
}
THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
MISSING = {"404", "NoSuchBucket", "NoSuchKey", "ResourceNotFound", "ResourceNotFoundException"}


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn every error of boto3 inside the block into one for a person; `doing` ends "cannot …"."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise service_error(error, doing) from error


def code_of(error: ClientError) -> str:
    """Return the service's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Whether the service reports that a resource does not exist."""
    message = _message(error).lower()
    return code_of(error) in MISSING or "does not exist" in message or "could not find" in message


def is_denied(error: ClientError) -> bool:
    """Whether the service reports that the caller lacks a permission."""
    return code_of(error) in DENIED


def is_transient(error: SmpError) -> bool:
    """Whether the same call may well succeed in a while: the network, the service or its pace failed."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return code_of(cause) in THROTTLED or _status(cause) >= 500
    return isinstance(cause, NETWORK)


def service_error(error: BotoCoreError | ClientError, doing: str) -> SmpError:
    """Return the error that a person reads."""
    if isinstance(error, ClientError):
        return _refused(error, doing)
    if isinstance(error, NO_CREDENTIALS):
        hint = "set up a profile (aws configure sso) and give --profile, or set AWS_PROFILE"
        return _setup(doing, "no usable AWS credentials", str(error), hint)
    if isinstance(error, LOGIN_OVER):
        return _setup(doing, "the sign-in to AWS is over", str(error), "aws sso login")
    if isinstance(error, boto.ProfileNotFound):
        return _setup(doing, "no such profile", str(error), "aws configure list-profiles")
    if isinstance(error, boto.NoRegionError):
        return _setup(doing, "no AWS region is set", None, "give --region, or set AWS_REGION")
    if isinstance(error, NETWORK):
        hint = "check the network, the proxy, --region and AWS_ENDPOINT_URL, then try again"
        return _setup(doing, "AWS cannot be reached", str(error), hint)
    return _setup(doing, "AWS's own library refused", str(error), None)


def _refused(error: ClientError, doing: str) -> SmpError:
    code, message = code_of(error), _message(error)
    if code in EXPIRED:
        hint = "sign in again (aws sso login) or renew the credentials"
        return _setup(doing, "the AWS credentials have expired", message, hint)
    if code in NOT_VALID:
        hint = "check the profile (--profile) and that the region (--region) is enabled"
        return _setup(doing, "AWS does not know these credentials", message, hint)
    if code in DENIED:
        hint = "request this permission, or use a --profile or --assume-role that has it"
        return _setup(doing, "access is denied", message, hint)
    if code in THROTTLED:
        hint = "try again later, or set AWS_RETRY_MODE=adaptive and AWS_MAX_ATTEMPTS=12"
        return _run(doing, f"AWS asks to slow down, also after {_tries(error)}", message, hint)
    if _status(error) >= 500:
        hint = "try again; see https://health.aws.amazon.com for the state of the service"
        return _run(doing, f"the service failed, also after {_tries(error)}", message, hint)
    return _run(doing, f"the service refused ({code})", message, None)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _tries(error: ClientError) -> str:
    retries = int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))
    return "1 try" if retries == 0 else f"{retries + 1} tries"


def _message(error: ClientError) -> str:
    details: Mapping[str, str] = error.response.get("Error", {})  # type: ignore[assignment]
    return " ".join(str(details.get("Message", "")).split())


def _setup(doing: str, reason: str, found: str | None, hint: str | None) -> SetupError:
    return SetupError([Problem(f"cannot {doing}: {reason}", found=found or None, hint=hint)])


def _run(doing: str, reason: str, found: str | None, hint: str | None) -> RunError:
    return RunError([Problem(f"cannot {doing}: {reason}", found=found or None, hint=hint)])
