"""Writes a compiled pipeline down for other engines: Step Functions and Apache Airflow."""
