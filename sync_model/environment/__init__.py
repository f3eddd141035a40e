"""The environment of a group: what its programs need of it, what is secret in it, where MongoDB and proxies are."""
