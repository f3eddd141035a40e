"""Where the REST API of a simulated site is."""

REST_ROOT = "/rest/api/2"
"""Below the address of the site, on both flavours."""
