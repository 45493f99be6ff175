"""A database of the application on PostgreSQL: three roles, so that no SQL of authors has a right that it does not need.

The *engine's* role of the URL writes, with its rows in the change log; the *reader*, a member of nothing, runs the
queries of authors; the *owner*, who cannot log in, has the schema of their tables. What is the application's lies in the
schema ``application``, the tables and views of the system in ``sojourn_data``.
"""
