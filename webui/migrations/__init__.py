"""The migrations of the database; webui.store.database.upgrade_database runs them."""
