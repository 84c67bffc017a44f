"""Run by Alembic: applies or compares migrations on the connection that `migrate` hands in."""

from alembic import context

from controlplane.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite changes a table by copying it.
    render_as_batch=True,
    compare_type=True,
    # One step that fails takes all back: half-way is no place to stay.
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
