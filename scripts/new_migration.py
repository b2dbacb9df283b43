"""Write the next schema revision from what the tables say now: compare with an up-to-date empty database.

    python scripts/new_migration.py "Add a column for …"

Read the result before committing it: Alembic sees tables and columns, not triggers or extensions.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from wingman.hub.database import open_engine
from wingman.hub.schema import MIGRATIONS, bring_up_to_date, newest_revision


def main() -> None:
    message = sys.argv[1]
    versions = MIGRATIONS / "versions"
    is_first = not list(versions.glob("[0-9]*.py"))
    number = "0001" if is_first else f"{int(newest_revision()) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'empty.db'}")
        if not is_first:
            bring_up_to_date(engine)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=number)


if __name__ == "__main__":
    main()
