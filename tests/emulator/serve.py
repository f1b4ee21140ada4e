"""Starts the AWS emulator with this project's additions: python -m tests.emulator.serve PORT."""

import sys

from moto.server import main

from tests.emulator.cloudformation_service import install

if __name__ == "__main__":
    install()
    main(["--host", "127.0.0.1", "--port", sys.argv[1]])
