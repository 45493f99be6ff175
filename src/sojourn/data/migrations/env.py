"""What Alembic runs: the revisions, on the connection and in the transaction of the caller."""

from alembic import context

from sojourn.data.migrate import LINE
from sojourn.data.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=LINE.table
)
with context.begin_transaction():
    context.run_migrations()
