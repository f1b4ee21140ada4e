"""The retention of logs: the allowed settings, and the CDK's value for each."""

from __future__ import annotations

from aws_cdk import aws_logs as logs

from stacks.setting_values import LogDays

Days = logs.RetentionDays
LOG_RETENTION: dict[LogDays, logs.RetentionDays] = {
    30: Days.ONE_MONTH,
    60: Days.TWO_MONTHS,
    90: Days.THREE_MONTHS,
    120: Days.FOUR_MONTHS,
    150: Days.FIVE_MONTHS,
    180: Days.SIX_MONTHS,
    365: Days.ONE_YEAR,
    400: Days.THIRTEEN_MONTHS,
    545: Days.EIGHTEEN_MONTHS,
    731: Days.TWO_YEARS,
    1096: Days.THREE_YEARS,
    1827: Days.FIVE_YEARS,
    3653: Days.TEN_YEARS,
}
