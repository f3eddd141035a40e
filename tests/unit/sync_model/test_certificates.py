"""Which authorities count does not depend on the Python that runs."""

from __future__ import annotations

import ssl

from sync_model.certificates import accept_private_authorities


def test_an_authority_that_a_company_made_for_itself_counts_with_every_python():
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python does by default since 3.13
    accept_private_authorities(context)
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
