"""What `make version` and `make release` run: one version of everything, in dist/. Nothing is published."""
