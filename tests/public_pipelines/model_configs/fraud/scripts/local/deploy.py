"""Runs locally in place of the function that deploys."""

from typing import Any


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the outputs of the step."""
    return {"statusCode": "200" if event["model_name"] and event["package"] else "400"}
