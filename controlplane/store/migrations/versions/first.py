"""The first schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column of its type INTEGER.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "acls",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("default_allow", sa.Boolean(), nullable=False),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acls")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_acls_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_table(
        "chatplans",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("xml", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatplans")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_chatplans_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contexts",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contexts")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_contexts_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "documents",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("xml", sa.String(), nullable=False),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_documents_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "domains",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("profile_variables", sa.JSON(), nullable=False),
        sa.Column("cacheable", sa.Integer(), nullable=True),
        sa.Column("hash_passwords", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domains")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_domains_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "findings",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repairs", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_findings_cleared_at"), "findings", ["cleared_at"], unique=False)
    op.create_index(
        "uq_findings_node_kind_name_standing",
        "findings",
        ["node", "kind", "name"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "gateways",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("placed_on", sa.String(), nullable=True),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateways")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_gateways_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "languages",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("xml", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_languages")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_languages_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "node_states",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("core_uuid", sa.String(), nullable=True),
        sa.Column("desired_revision", WHOLE, nullable=False),
        sa.Column("attempted_revision", WHOLE, nullable=False),
        sa.Column("applied_revision", WHOLE, nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied", sa.JSON(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("round_trip", sa.Float(), nullable=True),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_node_states")),
    )
    op.create_table(
        "nodes",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("switchname", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("event_socket_user", sa.String(), nullable=True),
        sa.Column("event_socket_password", sa.JSON(), nullable=False),
        sa.Column("lookup_passwords", sa.JSON(), nullable=False),
        sa.Column("lookup_schemes", sa.JSON(), nullable=False),
        sa.Column("lookup_networks", sa.JSON(), nullable=False),
        sa.Column("lookup_certificate", sa.String(), nullable=True),
        sa.Column("response_max_bytes", sa.Integer(), nullable=False),
        sa.Column("change_windows", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
        sa.UniqueConstraint("name", name=op.f("uq_nodes_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "paused_jobs",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_paused_jobs")),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("roll_back", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_rollouts_ended_at"), "rollouts", ["ended_at"], unique=False)
    op.create_index(op.f("ix_rollouts_revision"), "rollouts", ["revision"], unique=False)
    op.create_index(op.f("ix_rollouts_state"), "rollouts", ["state"], unique=False)
    op.create_table(
        "rollout_turns",
        sa.Column("rollout", WHOLE, nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("touches", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout"], ["rollouts.id"], name=op.f("fk_rollout_turns_rollout_rollouts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rollout", "node", name=op.f("pk_rollout_turns")),
    )
    op.create_table(
        "suspensions",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_suspensions")),
    )
    op.create_table(
        "profiles",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("domains", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_profiles_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pushes",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("touches", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("let_through", sa.Boolean(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_pushes_ended_at"), "pushes", ["ended_at"], unique=False)
    op.create_index("ix_pushes_node_id", "pushes", ["node", "id"], unique=False)
    op.create_index("ix_pushes_state_not_before", "pushes", ["state", "not_before"], unique=False)
    op.create_index(
        "uq_pushes_node_waiting",
        "pushes",
        ["node"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "repairs",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repairs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_repairs_begun_at"), "repairs", ["begun_at"], unique=False)
    op.create_index("ix_repairs_node_ended_at", "repairs", ["node", "ended_at"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("nodes", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_revisions")),
    )
    op.create_index(op.f("ix_revisions_at"), "revisions", ["at"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_runs_ended_at"), "runs", ["ended_at"], unique=False)
    op.create_index("ix_runs_job_id", "runs", ["job", "id"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("superseded", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_secrets")),
    )
    op.create_index(
        "ix_secrets_superseded",
        "secrets",
        ["superseded"],
        unique=False,
        sqlite_where=sa.text("superseded IS NOT NULL"),
        postgresql_where=sa.text("superseded IS NOT NULL"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("domains", sa.JSON(), nullable=False),
        sa.Column("contexts", sa.JSON(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("name", name=op.f("uq_tokens_name")),
    )
    op.create_table(
        "changes",
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("noun", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("before_version", sa.Integer(), nullable=True),
        sa.Column("after_version", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["revision"], ["revisions.number"], name=op.f("fk_changes_revision_revisions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("revision", "position", name=op.f("pk_changes")),
    )
    op.create_index(
        "ix_changes_noun_parent_name_revision",
        "changes",
        ["noun", "parent", "name", "revision"],
        unique=False,
    )
    op.create_table(
        "extensions",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("context_id", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("xml", sa.String(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("reach", sa.JSON(), nullable=False),
        sa.Column("widens", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"], ["contexts.id"], name=op.f("fk_extensions_context_id_contexts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extensions")),
        sa.UniqueConstraint("context_id", "name", name=op.f("uq_extensions_context_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_extensions_context_id_position_name",
        "extensions",
        ["context_id", "position", "name"],
        unique=False,
    )
    op.create_index(
        "ix_extensions_context_id_widens",
        "extensions",
        ["context_id"],
        unique=False,
        sqlite_where=sa.text("widens"),
        postgresql_where=sa.text("widens"),
    )
    op.create_table(
        "variables",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variables")),
        sa.UniqueConstraint("name", "scope", name=op.f("uq_variables_name_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "groups",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("domain_id", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("profile_variables", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_groups_domain_id_domains")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("domain_id", "name", name=op.f("uq_groups_domain_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "users",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("domain_id", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number_alias", sa.String(), nullable=True),
        sa.Column("cidr", sa.String(), nullable=True),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("profile_variables", sa.JSON(), nullable=False),
        sa.Column("gateways", sa.JSON(), nullable=False),
        sa.Column("elements", sa.JSON(), nullable=False),
        sa.Column("a1_hashes", sa.JSON(), nullable=False),
        sa.Column("cacheable", sa.Integer(), nullable=True),
        sa.Column("hash_passwords", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_users_domain_id_domains")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("domain_id", "name", name=op.f("uq_users_domain_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_users_domain_id_cidr",
        "users",
        ["domain_id"],
        unique=False,
        sqlite_where=sa.text("cidr IS NOT NULL"),
        postgresql_where=sa.text("cidr IS NOT NULL"),
    )
    op.create_index(
        "ix_users_domain_id_number_alias",
        "users",
        ["domain_id", "number_alias"],
        unique=False,
        sqlite_where=sa.text("number_alias IS NOT NULL"),
        postgresql_where=sa.text("number_alias IS NOT NULL"),
    )
    op.create_table(
        "memberships",
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("domain_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "group_name", name=op.f("pk_memberships")),
    )
    op.create_index(
        "ix_memberships_domain_id_group_name", "memberships", ["domain_id", "group_name"], unique=False
    )
    op.create_table(
        "user_gateways",
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("domain_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_gateways_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "name", name=op.f("pk_user_gateways")),
    )
    op.create_index(
        "ix_user_gateways_domain_id_user_id", "user_gateways", ["domain_id", "user_id"], unique=False
    )
    op.create_index("ix_user_gateways_name", "user_gateways", ["name"], unique=False)
