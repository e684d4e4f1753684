"""How the tables came to be; applied by webui.store.database.upgrade_database."""
