"""The object store of pipelines: JSON documents, found by queries and changed in place."""
