"""Routes of scripts: what a project says of its URLs in ``routes/*.yaml``, and how a request finds its script."""
