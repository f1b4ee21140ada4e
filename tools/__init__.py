"""What `make demo`, `make bench` and the installation run; never part of a deployment."""
