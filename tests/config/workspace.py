"""Workspaces for tests: a small valid configuration, and its scripts."""

from __future__ import annotations

from pathlib import Path

CONF = "model_configs/churn/conf/conf.yaml"
SCRIPTS = ("preprocess.py", "train.py", "inference.py", "evaluate.py")

BASE = """\
conf:
  models:
    churn:
      source_directory: scripts
      preprocess:
        framework_version: "1.2-1"
        entry_point: preprocess.py
        instance_type: ml.m5.large
        channels:
          train:
            s3BucketName: SMP_S3BUCKETNAME
            inputBucketPrefix: raw
            dataFiles:
              - sourceName: customers
                fileName: customers.csv
      train:
        image_uri: SMP_ACCOUNTID.dkr.ecr.SMP_REGION.amazonaws.com/train:1
        entry_point: train.py
        instance_count: 2
        volume_size_in_gb: 64
        hyperparameters:
          rounds: 100
        channels:
          train:
            dataFiles:
              - fileName: s3://SMP_S3BUCKETNAME/churn/train
        tags:
          - Key: team
            Value: churn
      transform:
        entry_point: inference.py
        channels: test
      evaluate:
        image_uri: SMP_ACCOUNTID.dkr.ecr.SMP_REGION.amazonaws.com/train:1
        entry_point: evaluate.py
      registry:
        ModelRepack: "False"
        InferenceSpecification:
          image_uri: SMP_ACCOUNTID.dkr.ecr.SMP_REGION.amazonaws.com/serve:1
          approval_status: Approved
  sagemakerNetworkSecurity:
    subnets: SMP_SUBNETS
    security_groups_id: SMP_SECURITYGROUPS
    role: SMP_ROLE
  sagemakerPipeline:
    pipelineName: churn
    models:
      churn:
        steps:
          - step_name: churn-train
            step_class: Training
            enable_cache: True
          - step_name: churn-register
            step_class: RegisterModel
    dependencies:
      - churn-train >> churn-register
"""


def make_workspace(directory: Path, files: dict[str, str]) -> Path:
    """Write configuration files, and scripts for the model `churn`; return the workspace."""
    for script in SCRIPTS:
        place_file(directory / "model_configs/churn/scripts" / script, "")
    for name, text in files.items():
        place_file(directory / name, text)
    return directory


def place_file(path: Path, text: str) -> Path:
    """Write a file and the directories it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
