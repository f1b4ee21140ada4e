"""Starts the AWS emulator with this project's executions: python -m tests.aws.serve PORT."""

import sys

from moto.server import main

from tests.aws.sagemaker_service import install

if __name__ == "__main__":
    install()
    main(["--host", "127.0.0.1", "--port", sys.argv[1]])
