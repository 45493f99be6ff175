"""``sojourn attest``: the requirements of ``security.md`` that can be seen over HTTP, one line each.

:mod:`~sojourn.cli.attest.visitor` asks the engine, :mod:`~sojourn.cli.attest.scene` knows the realms of the run, the modules
of :mod:`~sojourn.cli.attest.checks` look at one subject each, :mod:`~sojourn.cli.attest.report` says what they found.
"""
