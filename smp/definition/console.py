"""Addresses of pages of the AWS console, which has another host in each partition."""

from __future__ import annotations

HOSTS = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def console_page(partition: str, region: str, path: str) -> str:
    """Return the address of a page in the console of a region."""
    host = HOSTS.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{host}/{path}"
