from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# An account that is deleted leaves its entries: only then, and only to NULL, a column changes (actor_id).
# A migration that changes the table on SQLite makes it anew, without its triggers: it has to run these again.
POSTGRESQL = (
    """
    CREATE FUNCTION audit_entry_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF EXISTS (SELECT 1 FROM audit_horizon WHERE OLD.timestamp < kept_from) THEN
                RETURN OLD;
            END IF;
        ELSIF NEW.actor_id IS NULL AND to_jsonb(NEW) - 'actor_id' = to_jsonb(OLD) - 'actor_id' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'an audit entry is final' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_entry_is_final BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_final()
    """,
)
SQLITE = (
    """
    CREATE TRIGGER audit_entry_is_final BEFORE UPDATE OF
        id, content_type_id, object_pk, object_id, object_repr, serialized_data, action, changes_text, changes,
        cid, remote_addr, remote_port, timestamp, additional_data, actor_email, verb, environment, actor_name
    ON audit_auditentry
    BEGIN SELECT RAISE(ABORT, 'an audit entry is final'); END
    """,
    """
    CREATE TRIGGER audit_actor_is_final BEFORE UPDATE OF actor_id ON audit_auditentry
    WHEN NEW.actor_id IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'an audit entry is final'); END
    """,
    """
    CREATE TRIGGER audit_entry_is_kept BEFORE DELETE ON audit_auditentry
    WHEN NOT EXISTS (SELECT 1 FROM audit_horizon WHERE OLD.timestamp < kept_from)
    BEGIN SELECT RAISE(ABORT, 'an audit entry is final'); END
    """,
)
DROP_POSTGRESQL = (
    "DROP TRIGGER audit_entry_is_final ON audit_auditentry",
    "DROP FUNCTION audit_entry_is_final()",
)
DROP_SQLITE = (
    "DROP TRIGGER audit_entry_is_final",
    "DROP TRIGGER audit_actor_is_final",
    "DROP TRIGGER audit_entry_is_kept",
)


def make_triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def drop_triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in DROP_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else DROP_SQLITE:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(make_triggers, drop_triggers)]
